"""MariaDB's errors translated to ours: which fault it is, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pos_loader.errors import ConnectionFailed, LoaderError, NodeLost, SpecError, TableLocked, TableReplaced
from pos_loader.servers import nodes
from pos_loader.servers.profile import MariaDB

_LOCKED = {1205}
_REPLACED = {1146, 1213, 1412}
_NOT_READY = 1047  # a Galera node without a quorum, or that gets its data


@dataclass(frozen=True)
class _Kind:
    """One kind of error of a connection: its codes, or the words by which a driver's text tells it."""

    codes: frozenset[int]
    pattern: str
    what: str
    fix: str
    is_gone: bool = False
    """Whether the server does not answer any more."""


_KINDS = (
    _Kind(
        frozenset((1045, 1698)), r"access denied for user \S+ \(using",
        "user {user} is refused: wrong password, no such user, or no TLS where it is demanded",
        "check the dbt profile",
    ),
    _Kind(
        frozenset((1044, 1142, 1143, 1227)), r"command denied|access denied",
        "user {user} lacks a right: {text}", "grant it",
    ),
    _Kind(frozenset((_NOT_READY,)), r"WSREP has not yet", "the node is not ready", "wait until it is Synced"),
    _Kind(
        frozenset((2026, 3159)), r"\b(tls|ssl|certificate)\b|insecure transport",
        "no connection without TLS, or TLS failed: {text}", "see docs/servers.md about TLS",
    ),
    _Kind(
        frozenset((2005,)), r"name or service not known|name resolution|nodename nor servname|lookup address",
        "cannot connect: no such host", "check server in the dbt profile", is_gone=True,
    ),
    _Kind(
        frozenset(), r"connection refused",
        "cannot connect: nothing listens there", "start it, or check the dbt profile", is_gone=True,
    ),
    _Kind(
        frozenset((3024,)), r"timed out|timeout",
        "no answer within {seconds:g} s", "check that it runs; a rerun is safe", is_gone=True,
    ),
    _Kind(
        frozenset((2006, 2013, 2055, 1053)), r"broken pipe|reset by peer|lost connection|gone away|cut off",
        "the connection was cut off", "check that it runs; a rerun is safe", is_gone=True,
    ),
    _Kind(
        frozenset((2002, 2003, 1040)), r"connect|unreachable|no route",
        "cannot connect: {text}", "start it, or check the dbt profile", is_gone=True,
    ),
)  # fmt: skip
"""The first that fits is the one."""


def another(server: MariaDB, fault: str) -> NodeLost:
    """Say that the chosen node cannot be read any more."""
    return NodeLost(
        f"{nodes.described(server)} is lost: {fault}",
        where=f"MariaDB at {server.address}",
        fix="run again; a rerun is safe",
    )


def translate(message: str, code: int | None, server: MariaDB) -> LoaderError:
    """Turn a driver's message into one of our errors; connectorx gives no code, only text."""
    if code is None or code < 0:
        found = re.search(r"ERROR (\d{4})", message)
        code = int(found.group(1)) if found else None
    where = f"MariaDB at {server.address}"
    text = re.sub(r"^\d{4} \(\w{5}\): ", "", " ".join(message.replace(server.url, "").split()))
    if server.password:
        text = _masked(text, server.password)
    if code in _LOCKED:
        return TableLocked(f"a mart is locked: {text}", where=where, fix="run the load again")
    if code in _REPLACED:
        return TableReplaced(f"a mart was replaced: {text}", where=where, fix="run the load again")
    if code == 1049:
        return SpecError(f"no schema {server.schema}", where=where, fix="run dbt build first")
    for kind in _KINDS:
        if code in kind.codes or re.search(kind.pattern, text, re.IGNORECASE):
            if server.is_galera and (kind.is_gone or code == _NOT_READY):
                return another(server, "it does not answer" if kind.is_gone else "it is not ready")
            what = kind.what.format(user=server.user, seconds=server.timeout, text=text[:300])
            return ConnectionFailed(what, where=where, fix=kind.fix)
    return SpecError(f"query failed: {text[:300]}", where=where, fix="run dbt build again")


def _masked(text: str, password: str) -> str:
    """Hide the password. One that is a word, such as `pos`, is hidden only where it is a whole word."""
    edges = (r"(?<!\w)", r"(?!\w)") if re.fullmatch(r"\w+", password) else ("", "")
    return re.sub(re.escape(password).join(edges), "***", text)
