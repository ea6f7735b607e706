"""Ports, shape and folders; a state file stores the ports and the shape with which a folder was created."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from pos_sandbox.errors import UsageError

STATE_FILE = "sandbox.json"
MORE = 18
"""Ports of further members: 7 servers of MongoDB, 2 of MariaDB, and 3 for each node's Galera."""
MEMBERS = (1, 3)


@dataclass(frozen=True)
class Ports:
    """Loopback ports of the five servers; `more` is the first of `MORE` in a row, for further members."""

    mariadb: int = 33306
    mongos: int = 27117
    config: int = 27118
    shard1: int = 27119
    shard2: int = 27120
    more: int = 33310

    def __post_init__(self) -> None:
        """Refuse a port that is given twice or out of range."""
        chosen = asdict(self)
        for name, port in chosen.items():
            last = 65536 - MORE if name == "more" else 65535
            if not 0 < port <= last:
                raise UsageError(f"port {port} is not in 1-{last}", where=name, fix=f"change --{name}-port")
            twins = [other for other in chosen if chosen[other] == port and other != name]
            twins += ["more"] if port in self.further and name != "more" else []
            if twins:
                raise UsageError(
                    f"port {port} is given twice", where=f"{name}, {twins[0]}", fix=f"change --{name}-port"
                )

    @property
    def further(self) -> range:
        """Return the ports of further members."""
        return range(self.more, self.more + MORE)


@dataclass(frozen=True)
class Shape:
    """How many members each replica set has, and whether MariaDB is a Galera cluster of three nodes."""

    members: int = 1
    galera: bool = False

    @property
    def is_larger(self) -> bool:
        """Whether there are more than the five servers."""
        return self != Shape()


def default_root() -> Path:
    """Return the sandbox folder: POS_SANDBOX_DIR, or .sandbox here."""
    return Path(os.environ.get("POS_SANDBOX_DIR") or ".sandbox").resolve()


def cache_folder() -> Path:
    """Return the folder of downloaded programs: POS_CACHE_DIR, or ~/.cache/pos-sandbox."""
    return Path(os.environ.get("POS_CACHE_DIR") or Path.home() / ".cache" / "pos-sandbox").resolve()


def stored_ports(root: Path) -> Ports | None:
    """Return the ports with which the sandbox in `root` was created; none before the first `up`."""
    stored = _stored(root)
    return stored and stored[0]


def stored_shape(root: Path) -> Shape:
    """Return the shape of the sandbox in `root`."""
    stored = _stored(root)
    return stored[1] if stored else Shape()


def _stored(root: Path) -> tuple[Ports, Shape] | None:
    """Read the state file; an earlier version wrote neither `more` nor a shape."""
    path = root / STATE_FILE
    if not path.is_file():
        return None
    try:
        state = json.loads(path.read_text())
        ports = {"more": Ports.more, **state["ports"]}
        shape = Shape(**state.get("shape", {}))
        return Ports(**{field.name: int(ports[field.name]) for field in fields(Ports)}), shape
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"state file is damaged: {error!r}",
            where=str(path),
            fix="remove that folder and run `pos-sandbox up`",
        ) from None


def resolve_ports(root: Path, asked: Mapping[str, int | None]) -> Ports:
    """Combine the ports asked for with those of an existing sandbox.

    The data of a replica set contains the ports of its members, so other ports are refused. While there are
    no further members, their ports can be chosen.
    """
    wanted = {name: port for name, port in asked.items() if port is not None}
    stored = stored_ports(root)
    if stored is None:
        return Ports(**wanted)
    if "more" in wanted and not stored_shape(root).is_larger:
        stored = replace(stored, more=wanted["more"])
    for name, port in wanted.items():
        kept = getattr(stored, name)
        if port != kept:
            raise UsageError(
                f"port {port} for {name} differs from {kept}, with which this sandbox was created",
                where=str(root),
                fix=f"leave out --{name}-port, or begin again after `pos-sandbox down --erase`",
            )
    return stored


def resolve_shape(root: Path, *, members: int | None, galera: bool) -> Shape:
    """Combine the shape asked for with that of an existing sandbox, which can grow and not shrink."""
    if members not in (None, *MEMBERS):
        raise UsageError(f"{members} members", where="--members", fix="give 1 or 3")
    stored = stored_shape(root)
    if members is not None and members < stored.members:
        raise UsageError(
            f"{members} member asked for, and each set of this sandbox has {stored.members}",
            where=str(root),
            fix="leave out --members, or begin again after `pos-sandbox down --erase`",
        )
    return Shape(members or stored.members, galera or stored.galera)


def store(root: Path, ports: Ports, shape: Shape) -> None:
    """Write the state file in one step."""
    path = root / STATE_FILE
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"ports": asdict(ports), "shape": asdict(shape)}, indent=2) + "\n")
    partial.replace(path)
