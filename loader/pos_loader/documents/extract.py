"""Partitioned reads of the marts as Arrow tables.

A partition is a range of document keys. Every mart is clustered by the document key, so reading a partition
is a range scan that returns the rows in nesting order.
"""

from __future__ import annotations

import connectorx
import pyarrow as pa

from pos_loader.collection import BsonType, Coercion, Collection, Field, Level, Partition
from pos_loader.declaration import coerce
from pos_loader.declaration.bson_types import natural_type, precision_and_scale
from pos_loader.documents import readable
from pos_loader.documents.marts import placed, relation, where_clause
from pos_loader.servers.mariadb import connect, quote, translate
from pos_loader.servers.profile import MariaDB
from pos_loader.servers.session import STATEMENTS

_EXACT_DIGITS = 28  # connectorx reads DECIMAL through a 96-bit coefficient
_EXACT_SCALE = 10  # and gives decimal128(38, 10), for which it writes ten digits of fraction


def extract(server: MariaDB, collection: Collection, partition: Partition) -> dict[Level, pa.Table]:
    """Read one partition of every level: tables of one chunk per column, in key order.

    DECIMAL columns come in their declared precision and scale. Raises `TableReplaced` where dbt rebuilt a
    mart meanwhile, `ConnectionFailed` where the server is gone.
    """
    with connect(server):  # the driver of what follows waits half a minute for a server that is gone
        pass
    return {level: _read(server, level, collection, partition) for level in collection.root.walk()}


def statement(level: Level, collection: Collection, partition: Partition) -> str:
    """Write the read of a level in a partition: a range of its mart's clustered index, in order."""
    known = {field.column: field for field in (*level.fields, *level.hidden)}
    columns = [_selected(known[name]) if name in known else quote(name) for name in level.columns]
    conditions = placed(level, collection, partition)
    # of the table: a key that is read as text would sort as text
    order = ", ".join(f"{relation(level)}.{quote(name)}" for name in level.key)
    return f"select {', '.join(columns)} from {relation(level)}{where_clause(conditions)} order by {order}"  # noqa: S608


def _selected(field: Field) -> str:
    """Write a column as it is read; beside one whose zero dates are taken for missing, whether it was one."""
    column = quote(field.column)
    if _needs_text(field.data_type):
        return f"cast({column} as char) as {column}"
    if Coercion.MISSING in field.coerce:
        is_missing = f"{coerce.is_zero(column)} as {quote(coerce.COUNTED + field.column)}"
        return f"{coerce.value(field)} as {column}, {is_missing}"
    return column


def _read(server: MariaDB, level: Level, collection: Collection, partition: Partition) -> pa.Table:
    sql = statement(level, collection, partition)
    try:
        table = connectorx.read_sql(
            server.url, sql, return_type="arrow", protocol="binary", pre_execution_query=[*STATEMENTS]
        )
    except RuntimeError as error:
        raise translate(str(error), None, server) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Rust, and no Exception
            raise
        with connect(server) as queries:
            raise readable.fault(queries, level, placed(level, collection, partition), str(error)) from None
    table = table.combine_chunks()
    for field in (*level.fields, *level.hidden):
        if natural_type(field.data_type) is BsonType.DECIMAL:
            table = readable.with_declared_digits(table, field, level)
    readable.require_within(table, level, collection, partition)
    return table


def _needs_text(data_type: str) -> bool:
    """Whether connectorx's decimals are too narrow for the type, so that it is read as text."""
    if not data_type.startswith(("decimal", "numeric")):
        return False
    precision, scale = precision_and_scale(data_type)
    return scale > _EXACT_SCALE or precision - scale > _EXACT_DIGITS - _EXACT_SCALE
