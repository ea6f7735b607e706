"""Small queries to MariaDB. `documents.extract` does the bulk reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

import mysql.connector
import tenacity

from pos_loader import stopping
from pos_loader.collection import Key
from pos_loader.errors import ConnectionFailed, LoaderError, NodeLost, TableLocked, TableReplaced
from pos_loader.servers import nodes
from pos_loader.servers.mariadb_errors import another, translate
from pos_loader.servers.mariadb_watch import INTERRUPTED, connected, waited, watched
from pos_loader.servers.profile import MariaDB
from pos_loader.servers.session import statements

Row = tuple[Any, ...]
Result = TypeVar("Result")

LOOK_AGAIN_SECONDS = 1.0


class Queries:
    """One short-lived connection; every statement sees the latest committed data."""

    def __init__(self, connection: Any, server: MariaDB, purpose: str) -> None:
        """Wrap an open connection; `purpose` completes "waiting for MariaDB to ..."."""
        self._connection, self._server, self._purpose = connection, server, purpose

    @property
    def server(self) -> MariaDB:
        """The server that answers."""
        return self._server

    def of(self, server: MariaDB) -> Queries:
        """Return the same session as one of the server that was found out to answer."""
        return Queries(self._connection, server, self._purpose)

    def close(self) -> None:
        """Close the connection; one that is broken is left alone."""
        with suppress(mysql.connector.Error, OSError):
            self._connection.close()

    def rows(self, sql: str, parameters: tuple[object, ...] = ()) -> list[Row]:
        """Run one query and return all its rows."""
        return self._run(sql, parameters, lambda cursor: list(cursor.fetchall()))

    def records(self, sql: str) -> list[dict[str, Any]]:
        """Run one query and return its rows by column name."""

        def run() -> list[dict[str, Any]]:
            with self._connection.cursor(dictionary=True) as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())

        return self._watched(run)

    def batches(self, sql: str, size: int) -> Iterator[list[Row]]:
        """Run one query and yield its rows as they come, `size` at a time; values are bytes or None."""
        with closing(self._connection.cursor(raw=True)) as cursor:
            self._watched(lambda: cursor.execute(sql))
            while rows := self._watched(lambda: cursor.fetchmany(size)):
                yield rows

    def call(self, procedure: str) -> None:
        """Call a stored procedure without arguments, and leave what it returns."""

        def run() -> None:
            with self._connection.cursor() as cursor:
                cursor.callproc(procedure)

        self._watched(run)

    def execute(self, sql: str | bytes, parameters: tuple[object, ...] = ()) -> None:
        """Run one statement that returns no rows."""
        self._run(sql, parameters, lambda _: None)

    def _run(self, sql: str | bytes, parameters: tuple[object, ...], take: Callable[[Any], Result]) -> Result:
        def run() -> Result:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return take(cursor)

        return self._watched(run)

    def _watched(self, work: Callable[[], Result]) -> Result:
        try:
            return watched(self._server, work, f"id = {self._connection.connection_id}", self._purpose)
        except mysql.connector.Error as error:
            raise translate(str(error), error.errno, self._server) from None


@contextmanager
def connect(server: MariaDB, *, purpose: str = "answer a query") -> Iterator[Queries]:
    """Open a connection and set its session's state (`servers.session`).

    `purpose` says what the queries are for, where they have to be waited for. A handshake that the server
    cuts off is tried again. Where several servers are known, the first one that can be read is taken; where
    one was chosen, the session is of that server. Raises `ConnectionFailed`, which names host and port, where
    the server is unreachable or refuses the user, and `NodeLost` where the chosen Galera node is.
    """
    queries = choose(server, purpose) if server.node is None else _of_node(server, purpose)
    with closing(queries):
        yield queries


def choose(server: MariaDB, purpose: str = "answer a query") -> Queries:
    """Connect to the first server that can be read: a Galera node must be Synced and not lag.

    The session's server is the chosen one, so that other sessions of the run can stay on it. A single
    address may be a balancer, so it is asked several times. Raises `ConnectionFailed`.
    """
    faults: list[str] = []
    lagging: set[str] = set()
    for each in server.each * (1 if server.others else nodes.TRIES):
        try:
            queries = _session(each, purpose)
        except ConnectionFailed as error:
            if not server.others and not faults:
                raise
            faults.append(f"{each.address}: {error.what}")
            continue
        try:
            is_galera, identity = queries.rows(nodes.IDENTIFY)[0]
            if is_galera:
                identity = _looked_at(queries, lagging)
        except LoaderError as error:
            queries.close()
            faults.append(f"{each.address}: {error.what}")
            continue
        return queries.of(replace(each, node=identity, is_galera=bool(is_galera)))
    raise ConnectionFailed(
        f"no server of MariaDB can be read: {'; '.join(dict.fromkeys(faults))}",
        where="hosts of the dbt profile" if server.others else f"MariaDB at {server.address}",
        fix="start one, or wait until one is Synced",
    )


def _looked_at(queries: Queries, lagging: set[str]) -> str:
    """Return the identity of the session's Galera node if it can be read.

    Raises `NodeLost` where the node is not Synced or lags; `lagging` remembers the latter, because a balancer
    leads to it again and the wait for it is long.
    """
    node = nodes.Node.of(queries.rows(nodes.LOOK)[0])
    if node.fault:
        raise NodeLost(node.fault)
    lags = NodeLost(f"node {nodes.name(node.identity)} lags behind the cluster")
    if node.identity in lagging:
        raise lags
    lagging.add(node.identity)
    while node.waiting:
        time.sleep(LOOK_AGAIN_SECONDS)
        before, node = node, nodes.Node.of(queries.rows(nodes.LOOK)[0])
        if node.waiting and node.committed == before.committed:
            raise lags
    queries.execute(nodes.WAIT)
    try:
        queries.rows("select 1")
    except TableLocked:  # it did not apply in time what the cluster had committed
        raise lags from None
    lagging.discard(node.identity)
    return node.identity


def _of_node(server: MariaDB, purpose: str) -> Queries:
    """Connect to the chosen server; a balancer may lead to others first."""
    proof = nodes.session_proof(server)
    lost = another(server, "it does not answer")
    end = time.monotonic() + nodes.SECONDS
    for _ in range(nodes.TRIES):
        if time.monotonic() > end:
            break
        try:
            queries = _session(server, purpose)
        except NodeLost as error:
            lost = error
            continue
        try:
            # Another node may lag, so this does not wait yet.
            rows = queries.rows(f"select {', '.join(proof.values())}")
            if server.is_galera:
                queries.execute(nodes.WAIT)
        except LoaderError as error:
            queries.close()
            if not isinstance(error, NodeLost | TableLocked | TableReplaced):
                raise
            lost = another(server, "it does not answer, or lags behind the cluster")
            continue
        found = dict(zip(proof, rows[0], strict=True))
        if fault := nodes.mismatch(found):
            queries.close()
            lost = another(server, fault)
            if found[nodes.NODE]:
                continue
            break
        return queries
    raise lost


def _session(server: MariaDB, purpose: str) -> Queries:
    with waited(server, "connect") as seconds:
        return Queries(_open(server, seconds), server, purpose)


def _open(server: MariaDB, seconds: float) -> Any:
    until = time.monotonic() + seconds
    connection = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: getattr(error, "errno", None) in INTERRUPTED),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=2),
        stop=tenacity.stop_after_attempt(4) | tenacity.stop_before_delay(seconds),
        sleep=stopping.pause,
        reraise=True,
    )(lambda: connected(server, until - time.monotonic()))
    try:
        for statement in statements(server.timeout):
            connection.cmd_query(statement)
        connection.read_timeout = connection.write_timeout = None  # `watched` bounds what follows
    except mysql.connector.Error:
        connection.close()
        raise
    return connection


def quote(name: str) -> str:
    """Quote an identifier: `` `order` ``."""
    return "`" + name.replace("`", "``") + "`"


def literal(key: Key) -> str:
    """Write a document key as SQL. Text becomes hexadecimal, which means the same in every session.

    The literal names no collation, so MariaDB compares it in the column's collation and uses the column's
    index.

    >>> literal(7), literal("Ann")
    ('7', "_utf8mb4 x'416e6e'")
    """
    if isinstance(key, int):
        return str(key)
    return f"_utf8mb4 x'{key.encode().hex()}'"


def equals(column: str, key: Key) -> str:
    """Write the condition that a column has this key. `column` is quoted; a text's trailing blanks count.

    >>> equals("`code`", "a")
    "(`code` = _utf8mb4 x'61' and char_length(`code`) = 1)"
    """
    if isinstance(key, int):
        return f"{column} = {key}"
    return f"({column} = {literal(key)} and char_length({column}) = {len(key)})"


def differs(column: str, key: Key) -> str:
    """Write the condition that a column has another key. `column` is quoted; trailing blanks count."""
    return f"{column} <> {key}" if isinstance(key, int) else f"not {equals(column, key)}"
