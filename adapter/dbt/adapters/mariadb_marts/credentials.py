"""The keys of a target in profiles.yml."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from dbt.adapters.mariadb.connections import MariaDBCredentials
from dbt_common.exceptions import DbtRuntimeError

TYPE = "mariadb_marts"
PORT = 3306


@dataclass(init=False)
class Credentials(MariaDBCredentials):  # type: ignore[misc]
    """A target of profiles.yml. Unknown keys are errors: a key that is dropped may be one that protects.

    `hosts` are tried in order (`host` or `host:port`); they replace `server`. With `ssl_ca`, the server must
    show a certificate of that authority and, unless `ssl_verify_identity` is false, one for the host's name.
    `ssl_cert` and `ssl_key` are the client's own. Timeouts are in seconds; without one, a read or write may
    take any time.
    """

    hosts: list[str] | None = None
    ssl_ca: str | None = None
    ssl_cert: str | None = None
    ssl_key: str | None = None
    ssl_verify_identity: bool | None = None
    connect_timeout: int | float = 10
    read_timeout: int | float | None = None
    write_timeout: int | float | None = None

    @property
    def type(self) -> str:
        """The adapter's name in profiles.yml."""
        return TYPE

    @property
    def unique_field(self) -> str:
        """What dbt hashes in its statistics of usage."""
        return str(self.schema)

    @classmethod
    def validate(cls, data: Any) -> None:
        """Raise `DbtRuntimeError` for unknown keys, and for keys that contradict each other."""
        known = {each.name for each in fields(cls) if not each.name.startswith("_")}
        unknown = sorted(set(data) - known - set(cls._ALIASES))
        if unknown:
            raise DbtRuntimeError(
                f"unknown {'key' if len(unknown) == 1 else 'keys'} {', '.join(unknown)}; "
                f"allowed: {', '.join(sorted(known - {'database'}))}"
            )
        super().validate(data)
        _require_consistent(data)

    def _connection_keys(self) -> tuple[str, ...]:
        """What `dbt debug` prints."""
        return (
            *("server", "hosts", "unix_socket", "port", "schema", "username"),
            *("ssl_disabled", "ssl_ca", "ssl_cert", "ssl_verify_identity", "connect_timeout"),
        )

    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each server, in the order in which they are tried."""
        return [_address(each, self.port or PORT) for each in self.hosts or [self.server or "127.0.0.1"]]


def _require_consistent(data: dict[str, Any]) -> None:
    """Raise `DbtRuntimeError` where keys cannot be honoured together."""
    tls = sorted(key for key in ("ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_identity") if data.get(key))
    if data.get("ssl_disabled") and tls:
        raise DbtRuntimeError(f"ssl_disabled contradicts {', '.join(tls)}; remove one of them")
    if data.get("ssl_verify_identity") and not data.get("ssl_ca"):
        raise DbtRuntimeError("ssl_verify_identity needs ssl_ca; name the authority's certificate file")
    if bool(data.get("ssl_cert")) != bool(data.get("ssl_key")):
        raise DbtRuntimeError("ssl_cert and ssl_key belong together; give both or none")
    if data.get("hosts") and (data.get("server") or data.get("unix_socket")):
        raise DbtRuntimeError("hosts replaces server and unix_socket; give one of them")
    if data.get("unix_socket") and (data.get("server") or tls):
        raise DbtRuntimeError("unix_socket goes without server and TLS; give one of them")


def _address(text: str, port: int) -> tuple[str, int]:
    """Split `host`, `host:port` or `[address]:port`; a missing port is `port`."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
    elif text.count(":") == 1:
        host, _, rest = text.partition(":")
    else:
        return text, port
    digits = rest.removeprefix(":")
    if digits and not digits.isdecimal():
        raise DbtRuntimeError(f"the port of host {text} is no number")
    return host, int(digits) if digits else port
