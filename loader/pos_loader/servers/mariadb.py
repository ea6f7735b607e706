"""Small queries to MariaDB, and its errors translated to ours. `documents.extract` does the bulk reads."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import mysql.connector
import tenacity

from pos_loader.collection import Key
from pos_loader.errors import ConnectionFailed, LoaderError, NodeLost, SpecError, TableReplaced
from pos_loader.servers import nodes
from pos_loader.servers.profile import MariaDB
from pos_loader.servers.session import STATEMENTS

Row = tuple[Any, ...]

_REPLACED = {1146, 1205, 1213, 1412}
_REFUSED = {1044, 1045, 1142, 1698}
_UNREACHABLE = {2002, 2003, 2005, 2006, 2013, 2055, 1040, 1053}
LOOK_AGAIN_SECONDS = 1.0
_NOT_READY = 1047  # a Galera node without a quorum, or that gets its data
# The server cuts a handshake off after its connect_timeout of 10 s, as when a laptop slept meanwhile.
_INTERRUPTED = {2013, 2055}


class Queries:
    """One short-lived connection; every statement sees the latest committed data."""

    def __init__(self, connection: Any, server: MariaDB) -> None:
        """Wrap an open connection."""
        self._connection, self._server = connection, server

    @property
    def server(self) -> MariaDB:
        """The server that answers."""
        return self._server

    @property
    def connection(self) -> Any:
        """The driver's connection."""
        return self._connection

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def rows(self, sql: str, parameters: tuple[object, ...] = ()) -> list[Row]:
        """Run one query and return all its rows."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return list(cursor.fetchall())
        except mysql.connector.Error as error:
            raise translate(str(error), error.errno, self._server) from None

    def records(self, sql: str) -> list[dict[str, Any]]:
        """Run one query and return its rows by column name."""
        try:
            with self._connection.cursor(dictionary=True) as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())
        except mysql.connector.Error as error:
            raise translate(str(error), error.errno, self._server) from None

    def batches(self, sql: str, size: int) -> Iterator[list[Row]]:
        """Run one query and yield its rows as they come, `size` at a time; values are bytes or None."""
        try:
            with self._connection.cursor(raw=True) as cursor:
                cursor.execute(sql)
                while rows := cursor.fetchmany(size):
                    yield rows
        except mysql.connector.Error as error:
            raise translate(str(error), error.errno, self._server) from None

    def call(self, procedure: str) -> None:
        """Call a stored procedure without arguments, and leave what it returns."""
        try:
            with self._connection.cursor() as cursor:
                cursor.callproc(procedure)
        except mysql.connector.Error as error:
            raise translate(str(error), error.errno, self._server) from None

    def execute(self, sql: str | bytes, parameters: tuple[object, ...] = ()) -> None:
        """Run one statement that returns no rows."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, parameters)
        except mysql.connector.Error as error:
            raise translate(str(error), error.errno, self._server) from None


@contextmanager
def connect(server: MariaDB) -> Iterator[Queries]:
    """Open a connection and set its session's state (`servers.session`).

    A handshake that the server cuts off is tried again. Where several servers are known, the first one that
    can be read is taken; where one was chosen, the session is of that server. Raises `ConnectionFailed`,
    which names host and port, where the server is unreachable or refuses the user, and `NodeLost` where the
    chosen Galera node is.
    """
    queries = choose(server) if server.node is None else _of_node(server)
    try:
        yield queries
    finally:
        queries.close()


def choose(server: MariaDB) -> Queries:
    """Connect to the first server that can be read: a Galera node must be Synced and not lag.

    The session's server is the chosen one, so that other sessions of the run can stay on it. A single
    address may be a balancer, so it is asked several times. Raises `ConnectionFailed`.
    """
    faults: list[str] = []
    lagging: set[str] = set()
    for each in server.each * (1 if server.others else nodes.TRIES):
        try:
            queries = _connected(each)
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
        return Queries(queries.connection, replace(each, node=identity, is_galera=bool(is_galera)))
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
    except TableReplaced:  # it did not apply in time what the cluster had committed
        raise lags from None
    lagging.discard(node.identity)
    return node.identity


def _of_node(server: MariaDB) -> Queries:
    """Connect to the chosen server; a balancer may lead to others first."""
    proof = nodes.session_proof(server)
    lost = another(server, "it does not answer")
    end = time.monotonic() + nodes.SECONDS
    for _ in range(nodes.TRIES):
        if time.monotonic() > end:
            break
        try:
            queries = _connected(server)
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
            if not isinstance(error, NodeLost | TableReplaced):
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


def another(server: MariaDB, fault: str) -> NodeLost:
    """Say that the chosen node cannot be read any more."""
    return NodeLost(
        f"{nodes.described(server)} is lost: {fault}",
        where=f"MariaDB at {server.address}",
        fix="run again; a rerun is safe",
    )


def _connected(server: MariaDB) -> Queries:
    try:
        return Queries(_open(server), server)
    except mysql.connector.Error as error:
        raise translate(str(error), error.errno, server) from None
    except (OSError, ValueError) as error:  # a malformed host name raises UnicodeError
        raise translate(f"cannot connect: {error}", None, server) from None


@tenacity.retry(
    retry=tenacity.retry_if_exception(lambda error: getattr(error, "errno", None) in _INTERRUPTED),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=2),
    stop=tenacity.stop_after_attempt(4),
    reraise=True,
)
def _open(server: MariaDB) -> Any:
    connection: Any = mysql.connector.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        charset="utf8mb4",
        collation="utf8mb4_unicode_ci",  # the driver's default is unknown to MariaDB (1273)
        autocommit=True,
        connection_timeout=10,
        use_pure=True,
        ssl_disabled=not server.offers_tls,
    )
    try:
        for statement in STATEMENTS:
            connection.cmd_query(statement)
    except mysql.connector.Error:
        connection.close()
        raise
    return connection


def translate(message: str, code: int | None, server: MariaDB) -> LoaderError:
    """Turn a driver's message into one of our errors; connectorx gives no code, only text."""
    if code is None or code < 0:
        found = re.search(r"ERROR (\d{4})", message)
        code = int(found.group(1)) if found else None
    where = f"MariaDB at {server.address}"
    text = " ".join(message.replace(server.url, "").split())
    if server.password:
        text = _masked(text, server.password)
    if code in _REPLACED:
        return TableReplaced(f"a mart was replaced or locked: {text}", where=where, fix="run the load again")
    if code in _REFUSED:
        return ConnectionFailed(f"user {server.user} is refused", where=where, fix="check the dbt profile")
    if code == 1049:
        return SpecError(f"no schema {server.schema}", where=where, fix="run dbt build first")
    is_gone = code in _UNREACHABLE or re.search(r"(?i)connect|refused|timed out|broken pipe|reset", text)
    if server.is_galera and (is_gone or code == _NOT_READY):
        return another(server, "it does not answer" if is_gone else "it is not ready")
    if code == _NOT_READY:
        return ConnectionFailed("the node is not ready", where=where, fix="wait until it is Synced")
    if is_gone:
        return ConnectionFailed("cannot connect", where=where, fix="start it, or check the dbt profile")
    return SpecError(f"query failed: {text[:300]}", where=where, fix="run dbt build again")


def _masked(text: str, password: str) -> str:
    """Hide the password. One that is a word, such as `pos`, is hidden only where it is a whole word."""
    edges = (r"(?<!\w)", r"(?!\w)") if re.fullmatch(r"\w+", password) else ("", "")
    return re.sub(re.escape(password).join(edges), "***", text)


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
