"""Checks of the values that were read, and messages for those that could not be read.

Each message names the column, the value and the key.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pos_loader.collection import BsonType, Coercion, Collection, Level, Partition
from pos_loader.collection import Field as Column
from pos_loader.declaration import coerce
from pos_loader.declaration.bson_types import natural_type, precision_and_scale
from pos_loader.documents.merge import NOPAD
from pos_loader.errors import LONGEST, DataError
from pos_loader.servers.mariadb import Queries, quote


def fault(queries: Queries, level: Level, conditions: Sequence[str], said: str) -> DataError:
    """Find the value on which the driver panicked, among the rows of `conditions`: a date with zeros in it.

    Where there is no such date, the message quotes `said`, the driver's own words.
    """
    table = f"{quote(level.schema)}.{quote(level.table)}"
    for field in (*level.fields, *level.hidden):
        if natural_type(field.data_type) is not BsonType.DATE or Coercion.MISSING in field.coerce:
            continue
        column = quote(field.column)
        texts = ", ".join(f"cast({name} as char)" for name in (column, *map(quote, level.key)))
        where = " and ".join([*conditions, coerce.is_zero(column)])
        found = queries.rows(f"select {texts} from {table} where {where} limit 1")  # noqa: S608
        if found:
            value, *keys = found[0]
            named = ", ".join(f"{name} {key}" for name, key in zip(level.key, keys, strict=True))
            way_out = f", or declare coerce: {{{field.column}: missing}}"
            return DataError(
                f"column {field.column}: {value} is not a date, its month or day is zero",
                where=f"model {level.model}, {named}",
                fix=f"clean it in the mart{way_out if field.column not in level.key else ''}",
            )
    return DataError(
        f"a value cannot be read: {' '.join(said.split())[:LONGEST] or 'the driver gave up'}",
        where=f"model {level.model}, table {level.schema}.{level.table}",
        fix="cast the column in the mart to the type of its contract",
    )


def with_declared_digits(table: pa.Table, field: Column, level: Level) -> pa.Table:
    """Give a decimal column its contract's precision and scale. Raises `DataError` where values are wider."""
    position = table.schema.get_field_index(field.column)
    try:
        typed = table.column(position).cast(pa.decimal128(*precision_and_scale(field.data_type)))
    except pa.ArrowInvalid:
        raise DataError(
            f"column {field.column} has values of more digits than {field.data_type}",
            where=f"model {level.model}, table {level.schema}.{level.table}",
            fix="run dbt build again, or give the column's contract the type of its values",
        ) from None
    return table.set_column(position, field.column, typed)


def require_within(table: pa.Table, level: Level, collection: Collection, partition: Partition) -> None:
    """Require that text keys are in the partition's range as BSON sorts them, not only as MariaDB does.

    A collation that pads with blanks sorts them in another order.
    """
    keys = table.column(collection.key_column)
    if partition.only is not None or not len(keys) or not pa.types.is_string(keys.type):
        return
    lo, hi = (None if edge is None else str(edge).encode() for edge in (partition.lo, partition.hi))
    for key in (keys[0].as_py(), keys[-1].as_py()):
        if (lo is not None and key.encode() < lo) or (hi is not None and key.encode() >= hi):
            named = f"{collection.key_column} {key!r}"
            raise DataError(f"rows are out of order at {named}", where=f"model {level.model}", fix=NOPAD)
