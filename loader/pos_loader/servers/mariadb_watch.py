"""A second connection watches work on MariaDB: does the server live, does a lock hold the work back?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import mysql.connector

from pos_loader import stopping
from pos_loader.errors import ConnectionFailed, NodeLost
from pos_loader.servers import nodes, waiting
from pos_loader.servers.mariadb_errors import another, translate
from pos_loader.servers.profile import MariaDB
from pos_loader.servers.waiting import GRACE_SECONDS

Result = TypeVar("Result")
# The server cuts a handshake off after its connect_timeout of 10 s, as when a laptop slept meanwhile.
INTERRUPTED = {2013, 2055}


def watched(server: MariaDB, work: Callable[[], Result], which: str, purpose: str) -> Result:
    """Do work on the server that may take long, as long as the server lives and holds it back by no lock.

    `which` is a condition on information_schema.processlist that finds the work. Where the server stays
    silent for the bound, raises `ConnectionFailed` and leaves the work alone. An interrupted run ends it.
    """

    def ask(since: float) -> None:
        with waited(server, purpose, since) as seconds:
            until = time.monotonic() + seconds
            with closing(_beside(server, until)) as connection:
                while time.monotonic() < until and _is_locked(connection, which):
                    stopping.pause(0.5)  # until the server itself ends the wait for the lock

    def kill() -> None:
        with closing(_beside(server, time.monotonic() + GRACE_SECONDS)) as connection:
            for (number,) in _found(connection, f"select id from {_PROCESSES} where {which} and {_OTHERS}"):  # noqa: S608
                _found(connection, f"kill query {number}")

    return waiting.watched(work, ask, doing=f"{purpose} (MariaDB at {server.address})", abandon=kill)


def _beside(server: MariaDB, until: float) -> Any:
    """Open a second connection to the server; a balancer may lead to others first, or to one that is dead."""
    while True:
        try:
            connection = connected(server, until - time.monotonic())
        except mysql.connector.Error as error:
            if error.errno not in INTERRUPTED or time.monotonic() > until:
                raise
            stopping.pause(0.1)
            continue
        if server.node is None:
            return connection
        found = _found(connection, f"select {nodes.session_proof(server)[nodes.NODE]}")
        if found == [(None,)]:
            return connection
        connection.close()
        if time.monotonic() > until:
            raise another(server, nodes.ANOTHER)
        stopping.pause(0.1)


_PROCESSES = "information_schema.processlist"
"""A user may see the own sessions in it, without a privilege."""
_OTHERS = "id <> connection_id()"


def _is_locked(connection: Any, which: str) -> bool:
    sql = f"select count(*) from {_PROCESSES} where {which} and {_OTHERS} and state like 'Waiting for%'"  # noqa: S608
    return bool(_found(connection, sql)[0][0])


def _found(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.with_rows else []


@contextmanager
def waited(server: MariaDB, purpose: str, since: float | None = None) -> Iterator[float]:
    """Count the block as a wait, and translate its errors; yield how many seconds it may take."""
    name = f"MariaDB at {server.address}"
    try:
        with waiting.waiting(name, purpose, server.timeout, since=since) as seconds:
            yield seconds
    except mysql.connector.Error as error:
        found = translate(str(error), error.errno, server)
        if isinstance(found, ConnectionFailed | NodeLost):
            waiting.give_up(name)
        raise found from None
    except (OSError, ValueError) as error:  # a malformed host name raises UnicodeError
        waiting.give_up(name)
        raise translate(f"cannot connect: {error}", None, server) from None


def connected(server: MariaDB, seconds: float) -> Any:
    """Open a connection of the driver, in which each answer may take that many seconds."""
    return mysql.connector.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        charset="utf8mb4",
        collation="utf8mb4_unicode_ci",  # the driver's default is unknown to MariaDB (1273)
        autocommit=True,
        **dict.fromkeys(("connection_timeout", "read_timeout", "write_timeout"), max(1, round(seconds))),
        use_pure=True,
        ssl_disabled=not server.offers_tls,
        **_checked(server),
    )


def _checked(server: MariaDB) -> dict[str, Any]:
    """Return the driver's arguments that make it check who answers; without TLS, it does not connect."""
    if not server.ssl_ca:
        return {}
    return {"ssl_ca": server.ssl_ca, "ssl_verify_cert": True, "ssl_verify_identity": server.verify_identity}
