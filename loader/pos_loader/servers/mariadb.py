"""Small queries to MariaDB, and its errors translated to ours. `documents.extract` does the bulk reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mysql.connector
import tenacity

from pos_loader.collection import Key
from pos_loader.errors import ConnectionFailed, LoaderError, SpecError, TableReplaced
from pos_loader.servers.profile import MariaDB
from pos_loader.servers.session import STATEMENTS

Row = tuple[Any, ...]

_REPLACED = {1146, 1205, 1213, 1412}
_REFUSED = {1044, 1045, 1142, 1698}
_UNREACHABLE = {2002, 2003, 2005, 2006, 2013, 2055, 1040, 1053}
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

    A handshake that the server cuts off is tried again. Raises `ConnectionFailed`, which names host and port,
    where the server is unreachable or refuses the user.
    """
    try:
        connection = _open(server)
    except mysql.connector.Error as error:
        raise translate(str(error), error.errno, server) from None
    except (OSError, ValueError) as error:  # a malformed host name raises UnicodeError
        raise translate(f"cannot connect: {error}", None, server) from None
    try:
        yield Queries(connection, server)
    finally:
        connection.close()


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
    if code in _UNREACHABLE or re.search(r"(?i)connect|refused|timed out|broken pipe|reset", text):
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
