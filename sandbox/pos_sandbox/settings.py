"""Ports and folders; a state file stores the ports with which a data folder was created."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pos_sandbox.errors import UsageError

STATE_FILE = "sandbox.json"


@dataclass(frozen=True)
class Ports:
    """Loopback ports of the five servers."""

    mariadb: int = 33306
    mongos: int = 27117
    config: int = 27118
    shard1: int = 27119
    shard2: int = 27120

    def __post_init__(self) -> None:
        """Refuse a port that is given twice or out of range."""
        chosen = asdict(self)
        for name, port in chosen.items():
            if not 0 < port < 65536:
                raise UsageError(f"port {port} is not in 1-65535", where=name, fix=f"change --{name}-port")
            twins = [other for other in chosen if chosen[other] == port and other != name]
            if twins:
                raise UsageError(
                    f"port {port} is given twice", where=f"{name}, {twins[0]}", fix=f"change --{name}-port"
                )


def default_root() -> Path:
    """Return the sandbox folder: POS_SANDBOX_DIR, or .sandbox here."""
    return Path(os.environ.get("POS_SANDBOX_DIR") or ".sandbox").resolve()


def cache_folder() -> Path:
    """Return the folder of downloaded programs: POS_CACHE_DIR, or ~/.cache/pos-sandbox."""
    return Path(os.environ.get("POS_CACHE_DIR") or Path.home() / ".cache" / "pos-sandbox").resolve()


def stored_ports(root: Path) -> Ports | None:
    """Return the ports with which the sandbox in `root` was created; none before the first `up`."""
    path = root / STATE_FILE
    if not path.is_file():
        return None
    try:
        ports = json.loads(path.read_text())["ports"]
        return Ports(**{field.name: int(ports[field.name]) for field in fields(Ports)})
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"state file is damaged: {error!r}",
            where=str(path),
            fix="remove that folder and run `pos-sandbox up`",
        ) from None


def resolve_ports(root: Path, asked: Mapping[str, int | None]) -> Ports:
    """Combine the ports asked for with those of an existing sandbox.

    The data of a replica set contains the ports of its members, so other ports are refused.
    """
    wanted = {name: port for name, port in asked.items() if port is not None}
    stored = stored_ports(root)
    if stored is None:
        return Ports(**wanted)
    for name, port in wanted.items():
        kept = getattr(stored, name)
        if port != kept:
            raise UsageError(
                f"port {port} for {name} differs from {kept}, with which this sandbox was created",
                where=str(root),
                fix=f"leave out --{name}-port, or begin again after `pos-sandbox down --erase`",
            )
    return stored


def store_ports(root: Path, ports: Ports) -> None:
    """Write the state file in one step."""
    path = root / STATE_FILE
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"ports": asdict(ports)}, indent=2) + "\n")
    partial.replace(path)
