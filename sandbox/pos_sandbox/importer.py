"""The import of a POS data set: check five CSV files, load them beside the live tables, swap all at once.

A reader sees either the five old tables or the five new ones. The swap is a single RENAME TABLE; before it,
the tables of an earlier import do not change.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mysql.connector

from pos_sandbox.csv_files import UTF_8, CheckedFile, Problems
from pos_sandbox.errors import DataError, ServerError, UsageError
from pos_sandbox.mariadb import CHARSET, COLLATION, connect
from pos_sandbox.pos_schema import MARK, TABLES, Table
from pos_sandbox.values import MICROSECONDS

SYSTEM_SCHEMAS = ("mysql", "sys", "information_schema", "performance_schema")
SUFFIXES = "__incoming", "__outgoing"
"""Suffixes of the tables that stand beside the live ones during an import."""


@dataclass(frozen=True)
class MariaDB:
    """The server of the source schema."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Imported:
    """Rows by table, remarks on values that dbt treats specially, and `variables` that a build needs."""

    rows: dict[str, int]
    remarks: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


def import_folder(
    folder: Path,
    server: MariaDB,
    *,
    schema: str,
    as_text: bool = False,
    encoding: str = "",
    replace: bool = False,
) -> Imported:
    """Replace the POS tables of `schema` by the CSV files in `folder`, in UTF-8 unless `encoding` is given.

    Empty fields become NULL; with `as_text`, every column is text and keeps its values as they are. Tables
    that no import made, such as those of a live shop, are replaced only with `replace`. Raises `DataError`
    with the faults, `UsageError` and `ServerError`; nothing has changed then.
    """
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}", where="DIR", fix="give the folder of the five CSV files")
    _check_schema_name(schema)
    _check_encoding(encoding)
    with tempfile.TemporaryDirectory(prefix="pos-import-") as scratch:
        found = _check_files(folder, Path(scratch), as_text=as_text, encoding=encoding or UTF_8)
        try:
            with _connection(server) as connection, _only_import(connection, schema):
                existing = _existing(connection, schema, replace=replace)
                _replace(connection, Path(scratch), found.rows, existing, schema=schema, as_text=as_text)
                return found
        except mysql.connector.Error as error:
            raise ServerError(
                f"MariaDB refused the import: {error.msg}",
                where=f"schema {schema}",
                fix="the earlier tables are intact; correct that and import again",
            ) from None


def _connection(server: MariaDB) -> contextlib.closing[Any]:
    try:
        return connect(host=server.host, port=server.port, user=server.user, password=server.password)
    except mysql.connector.Error as error:
        raise ServerError(
            f"no connection to MariaDB: {error.msg}",
            where=f"{server.user}@{server.host}:{server.port}",
            fix="run `pos-sandbox up`, or set POS_MARIADB_HOST, _PORT, _USER and _PASSWORD",
        ) from None


def _check_schema_name(schema: str) -> None:
    if not re.fullmatch(r"[0-9A-Za-z_]{1,64}", schema) or schema.lower() in SYSTEM_SCHEMAS:
        raise UsageError(
            f"schema {schema!r} is not usable", where="--schema", fix="use letters, digits and _, 64 at most"
        )


def _check_encoding(name: str) -> None:
    try:
        "".encode(name or UTF_8)
    except LookupError:
        raise UsageError(
            f"there is no encoding {name!r}",
            where="--encoding",
            fix="use cp1252, latin-1, utf-16 or the like",
        ) from None


def _check_files(folder: Path, scratch: Path, *, as_text: bool, encoding: str) -> Imported:
    problems = Problems()
    rows = {
        table.name: CheckedFile(
            table, folder / table.file, problems, as_text=as_text, encoding=encoding
        ).rewrite(scratch / table.file)
        for table in TABLES
    }
    if problems.count:
        hidden = problems.count - len(problems.shown)
        raise DataError(
            f"{problems.count} fault{'s' * (problems.count > 1)} in the files"
            + (f", the first {len(problems.shown)} shown" if hidden else ""),
            where=str(folder),
            fix=f"nothing was imported; {_way_out(problems)}",
            problems=tuple(problems.shown),
        )
    remarks = tuple(
        f"{column}: {each.count} value{'s' * (each.count > 1)} {what} ({each.first}); dbt build: {fate}"
        for (column, (what, fate)), each in problems.remarks.items()
    )
    has_microseconds = any(MICROSECONDS in remark for remark in remarks)
    return Imported(rows, remarks, (MICROSECONDS,) if has_microseconds else ())


def _way_out(problems: Problems) -> str:
    if problems.typed < problems.count:
        return "correct them" + (", or those of a value with --as-text" if problems.typed else "")
    return (
        "correct them, or import with --as-text: then dbt build reads $1,023.99, m/d/Y, zero dates and"
        " Cancelled, and takes what it cannot read as missing with --vars '{unreadable_values: missing}'"
    )


@contextlib.contextmanager
def _only_import(connection: Any, schema: str) -> Iterator[None]:
    name = f"pos-sandbox import {schema}"
    if not _value(connection, "SELECT GET_LOCK(%s, 0)", name):
        raise UsageError("another import is running", where=f"schema {schema}", fix="wait for it to end")
    try:
        yield
    finally:
        with contextlib.suppress(mysql.connector.Error):
            _value(connection, "SELECT RELEASE_LOCK(%s)", name)


def _replace(
    connection: Any, scratch: Path, rows: dict[str, int], existing: set[str], *, schema: str, as_text: bool
) -> None:
    cursor = connection.cursor()
    cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{schema}` CHARACTER SET {CHARSET} COLLATE {COLLATION}")
    _drop(cursor, schema)  # a killed import may have left them
    try:
        for table in TABLES:
            target = f"`{schema}`.`{table.name}__incoming`"
            cursor.execute(table.ddl(target, as_text=as_text))
            _load(connection, table, scratch / table.file, target, rows[table.name], as_text=as_text)
            if table.indexed and not as_text:
                cursor.execute(table.key_ddl(target))
        moves = []
        for table in TABLES:
            if table.name in existing:
                moves.append(f"`{schema}`.`{table.name}` TO `{schema}`.`{table.name}__outgoing`")
            moves.append(f"`{schema}`.`{table.name}__incoming` TO `{schema}`.`{table.name}`")
        cursor.execute(f"RENAME TABLE {', '.join(moves)}")
    finally:
        with contextlib.suppress(mysql.connector.Error):
            _drop(cursor, schema)


def _existing(connection: Any, schema: str, *, replace: bool) -> set[str]:
    """Return the names of the existing POS tables; names are compared as the server compares them.

    Raises `UsageError` for what an import must not replace: views, tables with a history, and, without
    `replace`, tables that no import made.
    """
    ours = {f"{table.name}{suffix}": table for table in TABLES for suffix in ("", *SUFFIXES)}
    cursor = connection.cursor()
    cursor.execute(
        "SELECT table_name, table_type, table_comment, @@lower_case_table_names "
        "FROM information_schema.tables WHERE table_schema = %s",
        (schema,),
    )
    listed = [
        (name.lower() if folds else name, kind, comment) for name, kind, comment, folds in cursor.fetchall()
    ]
    found = {name: (kind, comment) for name, kind, comment in listed if name in ours}
    histories = sorted(name for name, (kind, _) in found.items() if kind == "SYSTEM VERSIONED")
    if histories:
        raise UsageError(
            f"{', '.join(histories)} is system-versioned, and an import would drop its history",
            where=f"schema {schema}",
            fix="use another --schema",
        )
    others = sorted(name for name, (kind, _) in found.items() if kind != "BASE TABLE")
    if others:
        raise UsageError(
            f"{', '.join(others)} is not a table", where=f"schema {schema}", fix="use another --schema"
        )
    unmarked = [name for name, (_, comment) in found.items() if comment != MARK]
    foreign = sorted(name for name in unmarked if not ours[name].is_ours(_columns(cursor, schema, name)))
    if foreign and not replace:
        raise UsageError(
            f"{', '.join(foreign)} {'was' if len(foreign) == 1 else 'were'} not made by an import",
            where=f"schema {schema}",
            fix="use another --schema, or give --replace to drop what is there",
        )
    return set(found) & {table.name for table in TABLES}


def _columns(cursor: Any, schema: str, table: str) -> list[tuple[str, str]]:
    cursor.execute(
        "SELECT column_name, column_type FROM information_schema.columns "
        "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
        (schema, table),
    )
    return [(str(name), str(kind)) for name, kind in cursor.fetchall()]


def _drop(cursor: Any, schema: str) -> None:
    names = ", ".join(f"`{schema}`.`{table.name}{suffix}`" for table in TABLES for suffix in SUFFIXES)
    cursor.execute(f"DROP TABLE IF EXISTS {names}")


def _load(connection: Any, table: Table, path: Path, target: str, rows: int, *, as_text: bool) -> None:
    """Load one checked file; a warning or a different number of rows is an error."""
    names = [column.name for column in table.columns]
    variables = ", ".join(f"@{name}" for name in names)
    # Binary, because a collation takes a blank for an empty text.
    value = "`{0}` = @{0}" if as_text else "`{0}` = NULLIF(@{0}, BINARY '')"
    cursor = connection.cursor()
    cursor.execute(
        f"LOAD DATA LOCAL INFILE '{_quoted(path)}' INTO TABLE {target} CHARACTER SET {CHARSET} "
        "FIELDS TERMINATED BY ',' ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n' "
        f"({variables}) SET {', '.join(value.format(name) for name in names)}"
    )
    cursor.execute("SHOW WARNINGS LIMIT 1")
    warning = cursor.fetchone()
    loaded = _value(connection, f"SELECT COUNT(*) FROM {target}")  # noqa: S608 - names are ours or checked
    if warning or loaded != rows:
        raise DataError(
            f"{loaded} of {rows} rows loaded" + (f", MariaDB says: {warning[2]}" if warning else ""),
            where=table.file,
            fix="nothing was imported; correct that and import again",
        )


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace("'", "\\'")


def _value(connection: Any, statement: str, *parameters: object) -> Any:
    cursor = connection.cursor()
    cursor.execute(statement, parameters)
    return cursor.fetchone()[0]
