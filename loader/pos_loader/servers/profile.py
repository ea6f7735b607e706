"""MariaDB's connection, read from the dbt profile so that users write it once.

The profile is rendered as dbt renders it (Jinja with `env_var`), but without importing dbt, whose start takes
longer than a small load.
Source: https://docs.getdbt.com/docs/core/connect-data-platform/profiles.yml
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import yaml
from jinja2.sandbox import SandboxedEnvironment

from pos_loader.errors import SpecError, unreadable
from pos_loader.masking import masked_address, remember
from pos_loader.servers.encryption import is_loopback, require_pem, require_private
from pos_loader.servers.waiting import BOUND_SECONDS

HONOURED = frozenset(
    (
        *("type", "server", "host", "port", "username", "user", "UID", "password", "PWD", "schema"),
        *("ssl_disabled", "ssl_ca", "ssl_verify_identity", "unix_socket", "hosts"),
    )
)
CLIENTS = ("ssl_cert", "ssl_key")
"""Keys of a client's own certificate, which connectorx cannot show."""
DBTS_OWN = frozenset(
    (
        *("database", "charset", "collation", "threads"),
        *("connect_timeout", "read_timeout", "write_timeout"),
    )
)
"""Keys that change nothing for the loader, because `servers.session` sets up its sessions."""


@dataclass(frozen=True)
class MariaDB:
    """MariaDB's address, the user who connects, and the schema that holds the marts.

    `others` are the addresses that are tried after this one. `node` identifies the server that was chosen at
    this address, None before one is; `is_galera` says whether it is a node of a Galera cluster. `build` is
    the dbt invocation whose marts are read from it, once the gate has let it through.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    schema: str
    offers_tls: bool = True
    """Whether TLS is used where the server offers it; bulk reads from this machine never use it."""
    ssl_ca: str = ""
    """The file of the authority whose certificate the server must show; empty accepts any server."""
    verify_identity: bool = True
    """Whether the certificate must be for the server's name."""
    timeout: float = BOUND_SECONDS
    """How many seconds any wait for it may take."""
    others: tuple[tuple[str, int], ...] = ()
    node: str | None = None
    is_galera: bool = False
    build: str = ""

    @property
    def each(self) -> tuple[MariaDB, ...]:
        """Every server of the profile, one by one, in the order in which they are tried."""
        addresses = ((self.host, self.port), *self.others)
        return tuple(replace(self, host=host, port=port, others=()) for host, port in addresses)

    @property
    def url(self) -> str:
        """The connection as a URL. It contains the password, so no message may show it.

        `prefer_socket=false`: a loopback address may be a tunnel to another machine, which a socket is not.
        """
        user, password = quote(self.user, safe=""), quote(self.password, safe="")
        options = f"prefer_socket=false{self._tls}"
        return f"mysql://{user}:{password}@{self.address}/{quote(self.schema, safe='')}?{options}"

    @property
    def _tls(self) -> str:
        if self.ssl_ca:
            mode = "VERIFY_IDENTITY" if self.verify_identity else "VERIFY_CA"
            return f"&ssl-mode={mode}&ssl-ca={quote(self.ssl_ca, safe='')}"
        return "&ssl-mode=PREFERRED" if self.offers_tls and self.exposed else ""

    @property
    def exposed(self) -> str:
        """Say how others may read or answer; empty where they cannot."""
        if self.ssl_ca or all(is_loopback(each.host) for each in self.each):
            return ""
        return "it is on another machine, and the profile has no ssl_ca"

    @property
    def address(self) -> str:
        """`host:port`, for URLs and messages; an IPv6 host is in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_profile(
    project_dir: Path,
    *,
    profiles_dir: Path | None = None,
    target: str | None = None,
    note: Callable[[str], None] = lambda _: None,
    allow_plain: bool = False,
    timeout: float = BOUND_SECONDS,
) -> MariaDB:
    """Find the project's profile where dbt does (option, DBT_PROFILES_DIR, the project, ~/.dbt) and read it.

    `note` receives a line that names the keys the loader does not use. Raises `SpecError`, which names the
    file and the key, where a key is missing, wrong, or asks for something the loader cannot do.
    """
    project = _read_yaml(project_dir / "dbt_project.yml", "run in a dbt project or give --project-dir")
    name = str(project.get("profile"))
    path = _profiles_path(project_dir, profiles_dir)
    profile = _read_yaml(path, "copy profiles.example.yml").get(name)
    if not isinstance(profile, dict):
        raise SpecError(f"no profile {name}", where=str(path), fix="name it as dbt_project.yml does")
    where = f"{path}, profile {name}"
    target = target or _render("target", profile.get("target", "default"), where)
    outputs = profile.get("outputs")
    targets = outputs if isinstance(outputs, dict) else {}
    if target not in targets:
        raise SpecError(
            f"no target {target}", where=where, fix=f"targets are: {', '.join(map(str, targets)) or 'none'}"
        )
    where += f", target {target}"
    if not isinstance(targets[target], dict):
        raise SpecError("the target is not a mapping", where=where, fix="see profiles.example.yml")
    output = {str(key): _rendered(str(key), value, where) for key, value in targets[target].items()}
    _require_able(output, where)
    unused = sorted(key for key, value in output.items() if value and key not in {*HONOURED, *DBTS_OWN})
    if unused:
        note(f"the loader does not use {', '.join(unused)} of the dbt profile ({where})")
    server = _connection(output, where=where)
    require_private(
        f"MariaDB at {server.address}",
        server.exposed,
        allow_plain=allow_plain,
        where=where,
        fix="give the file of its authority's certificate as ssl_ca",
    )
    return replace(server, timeout=timeout)


def _require_able(output: Mapping[str, str], where: str) -> None:
    """Raise `SpecError` where a key asks for TLS in a way that one of the two drivers cannot honour."""
    for key, value in output.items():
        if re.match("(?i)ssl|tls", key) and value and key not in HONOURED:
            can = "ssl_ca, ssl_verify_identity and ssl_disabled"
            what = "the loader's bulk reads cannot show a certificate of their own"
            raise SpecError(
                f"{key} is set, and {what if key in CLIENTS else f'the loader knows {can} only'}",
                where=where,
                fix=f"remove {key}; a user with REQUIRE SSL and ssl_ca needs none"
                if key in CLIENTS
                else f"remove {key}, or use those",
            )
    ca = output.get("ssl_ca", "")
    if _is_true(output, "ssl_disabled") and (ca or output.get("ssl_verify_identity")):
        raise SpecError("ssl_disabled contradicts ssl_ca", where=where, fix="remove one of them")
    if _is_true(output, "ssl_verify_identity") and not ca:
        raise SpecError("ssl_verify_identity needs ssl_ca", where=where, fix="name the authority's file")
    if ca:
        load = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations
        require_pem(ca, "ssl_ca", "certificates", load, where=where, fix="name another file")


def _is_true(output: Mapping[str, str], key: str) -> bool:
    return output.get(key, "").lower() in ("true", "1", "yes", "on")


def _connection(output: Mapping[str, str], *, where: str) -> MariaDB:
    if output.get("type") not in ("mariadb_marts", "mariadb", "mysql"):
        raise SpecError(
            f"adapter {output.get('type')} is not MariaDB's", where=where, fix="use type: mariadb_marts"
        )
    if output.get("hosts") and (output.get("server") or output.get("host")):
        raise SpecError("hosts and server are both set", where=where, fix="remove one of them")
    if output.get("unix_socket"):
        raise SpecError(
            "unix_socket is set, and the loader connects by TCP",
            where=where,
            fix="give server and port instead",
        )
    schema = output.get("schema")
    if not schema:
        raise SpecError("schema is not set", where=where, fix="name the schema that dbt builds")
    password = output.get("password") or output.get("PWD") or ""
    remember(password)
    port = output.get("port") or "3306"
    texts = output.get("hosts", "").split("\n") if output.get("hosts") else []
    addresses = [_split(text, port) for text in texts] or [
        (output.get("server") or output.get("host") or "127.0.0.1", port)
    ]
    (host, first), *others = [_checked(*address, where) for address in addresses]
    return MariaDB(
        host=host,
        port=first,
        user=output.get("username") or output.get("user") or output.get("UID") or "",
        password=password,
        schema=schema,
        offers_tls=not _is_true(output, "ssl_disabled"),
        ssl_ca=output.get("ssl_ca", ""),
        verify_identity=not output.get("ssl_verify_identity") or _is_true(output, "ssl_verify_identity"),
        others=tuple(others),
    )


def _split(text: str, port: str) -> tuple[str, str]:
    """Split `host`, `host:port` or `[address]:port`, as the adapter does; a missing port is `port`."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":") or port
    host, _, rest = text.partition(":") if text.count(":") == 1 else (text, "", "")
    return host, rest or port


def _checked(host: str, port: str, where: str) -> tuple[str, int]:
    """Return host and port; raise `SpecError` where one cannot be what it should be."""
    if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise SpecError(
            f"port {masked_address(port)!r} is not in 1-65535", where=where, fix="give MariaDB's port"
        )
    if not host or re.search(r"[\s@/?#'\"\\]", host):
        fix = "give the host's name or address alone; user, password and port have keys of their own"
        raise SpecError(f"server {masked_address(host)!r} is not a host", where=where, fix=fix)
    return host, int(port)


def _profiles_path(project_dir: Path, profiles_dir: Path | None) -> Path:
    configured = profiles_dir or os.environ.get("DBT_PROFILES_DIR")
    folders = [Path(configured)] if configured else [project_dir, Path.home() / ".dbt"]
    paths = [folder / "profiles.yml" for folder in folders]
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        tried = " or ".join(map(str, paths))
        raise SpecError("no profiles.yml", where=tried, fix="copy profiles.example.yml to profiles.yml")
    return found


def _read_yaml(path: Path, fix: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"{path.name} is missing", where=str(path.parent), fix=fix) from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        what = f"{path.name} cannot be read: {unreadable(error)}"
        raise SpecError(what, where=str(path.parent), fix="correct it") from None
    if not isinstance(content, dict):
        raise SpecError(f"{path.name} is not a mapping", where=str(path.parent), fix=fix)
    return content


def _rendered(key: str, value: object, where: str) -> str:
    """Render the value of a key; those of a list become lines."""
    if isinstance(value, list):
        return "\n".join(_render(key, each, where) for each in value)
    text = _render(key, value, where)
    if key != "hosts" or not text.strip().startswith("["):
        return text
    # A list in an environment variable, as `env_var(...) | as_native` gives dbt one.
    try:
        return "\n".join(map(str, yaml.safe_load(text)))
    except (yaml.YAMLError, TypeError):
        raise SpecError("hosts is no list", where=where, fix="write it as [host, 'host:port']") from None


def _render(key: str, value: object, where: str) -> str:
    """Render the value of a key. Errors name the key and never the value, which may be a password."""
    if value is None:
        return ""
    environment = SandboxedEnvironment(undefined=jinja2.StrictUndefined)
    environment.filters |= dict.fromkeys(("as_number", "as_bool", "as_native", "as_text"), lambda text: text)
    try:
        return environment.from_string(str(value)).render(env_var=_env_var)
    except LookupError as error:
        raise SpecError(f"{key}: variable {error.args[0]} is not set", where=where, fix="set it") from None
    except Exception:  # Jinja's own, or any that the expression raises
        fix = "write it as in profiles.example.yml"
        raise SpecError(f"{key} cannot be rendered as Jinja", where=where, fix=fix) from None


def _env_var(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise LookupError(name)
    return value
