"""Nests sorted tables into documents.

A nested array is the children's documents one after the other, plus one offset for each parent: an Arrow
variable-size list (https://arrow.apache.org/docs/format/Columnar.html#variable-size-list-layout). Every
embedded table has its ancestors' keys and is sorted by them. So the children of a parent are neighbouring
rows. An array's body, its elements, is a slice of the children's buffer and is not copied.

>>> from bson import decode
>>> number = Field("order_id", "orderId", BsonType.INT32, "int", nullable=False)
>>> key = Field("customer_id", "_id", BsonType.INT32, "int", nullable=False)
>>> orders = Level("orders", "fct_orders", "shop", "orders", ("customer_id", "order_id"), (number,))
>>> customers = Level("", "dim_customers", "shop", "customers", ("customer_id",), (key,), children=(orders,))
>>> tables = {
...     customers: pa.table({"customer_id": [1, 2, 3]}),
...     orders: pa.table({"customer_id": [1, 1, 3], "order_id": [10, 11, 12]}),
... }
>>> documents = nest(Collection("customers", "shop", "customers", customers, ()), tables)
>>> [decode(document.as_py()) for document in documents.bson]
[{'_id': 1, 'orders': [{'orderId': 10}, {'orderId': 11}]},
 {'_id': 2, 'orders': []},
 {'_id': 3, 'orders': [{'orderId': 12}]}]
>>> documents.offsets.tolist()  # document i is buffer[offsets[i]:offsets[i + 1]]
[0, 69, 96, 144]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pos_loader.collection import (
    BUCKET,
    BUCKET_FIELD,
    BsonType,
    Coercion,
    Collection,
    Documents,
    Field,
    Level,
)
from pos_loader.declaration.coerce import COUNTED
from pos_loader.documents.encode import Unrepresentable, coerced, column_of, encode, value_text
from pos_loader.documents.merge import Integers, check_order, describe_key, ranks, row_splits
from pos_loader.documents.trim import trim
from pos_loader.errors import DataError


def nest(collection: Collection, tables: Mapping[Level, pa.Table]) -> Documents:
    """Nest one partition's tables, one per level, each sorted by its level's key.

    Raises `DataError`, which names model and key, where a row has no parent, a table is not in key order, or
    a value has no exact BSON form.
    """
    for level, table in tables.items():
        check_order(level, table)
    kept = trim(collection, tables)
    document = collection.document
    heads = kept.tables[document]
    keys = column_of(heads, collection.key_column)
    ids = None if collection.buckets is None else _bucket_ids(document, heads, collection.buckets.parent)
    documents = _encode(document, kept.tables, positions=None, ids=ids)
    keys = keys.cast(pa.int64() if pa.types.is_integer(keys.type) else pa.string())
    if collection.buckets:
        names = [collection.buckets.parent.name, BUCKET_FIELD]
        keys = pa.StructArray.from_arrays([keys, column_of(heads, BUCKET)], names)
    return Documents(
        keys,
        documents,
        kept.rows,
        left_out=kept.left_out,
        elsewhere=kept.elsewhere,
        conform=all(_conforms(level, kept.tables) for level in document.walk()),
        coerced=_coerced(document, kept.tables),
    )


def _coerced(document: Level, tables: Mapping[Level, pa.Table]) -> Counter[str]:
    """Count the values that a declared coercion changed, in the rows that are nested."""
    counts: Counter[str] = Counter()
    for level in document.walk():
        for field in level.fields:
            way = f"{level.model}.{field.column}: "
            counts[way + Coercion.MILLISECONDS] += coerced(field, column_of(tables[level], field.column))
            if COUNTED + field.column in tables[level].column_names:
                missing = column_of(tables[level], COUNTED + field.column)
                counts[way + Coercion.MISSING] += pc.sum(missing).as_py() or 0
    return +counts


def _conforms(level: Level, tables: Mapping[Level, pa.Table]) -> bool:
    """Whether every required value is there, and no array is longer than declared."""
    rows = tables[level]
    required = [field for field in level.fields if not (field.nullable or field.keep_null)]
    return not any(rows.column(field.column).null_count for field in required) and all(
        child.max_items is None
        or int(np.diff(row_splits(child, level, tables[child], rows)).max(initial=0)) <= child.max_items
        for child in level.children
    )


def _bucket_ids(document: Level, heads: pa.Table, parent: Field) -> pa.Array:
    number = Field(BUCKET, BUCKET_FIELD, BsonType.INT32, "int", nullable=False)
    return encode(replace(document, fields=(parent, number), children=()), heads, {})


def _encode(
    level: Level, tables: Mapping[Level, pa.Table], *, positions: Integers | None, ids: pa.Array | None = None
) -> pa.Array:
    table = tables[level]
    arrays = {child.name: _bodies(child, level, tables) for child in level.children}
    try:
        return encode(level, table, arrays, positions=positions, ids=ids)
    except Unrepresentable as error:
        key = describe_key(level.key, [value_text(table.column(name), error.row) for name in level.key])
        raise DataError(
            f"column {error.field.column}: {error}", where=f"model {level.model}, {key}", fix=error.fix
        ) from None
    except (OverflowError, pa.ArrowCapacityError) as error:
        raise DataError(
            f"a partition of {level.model} is too large: {error}",
            where=f"model {level.model}, {table.num_rows} rows",
            fix="give --partition-rows a smaller number",
        ) from None


def _bodies(child: Level, parent: Level, tables: Mapping[Level, pa.Table]) -> pa.Array:
    """Encode `child` and group its elements by parent: one array body for each row of `parent`."""
    splits = row_splits(child, parent, tables[child], tables[parent])
    starts = np.repeat(splits[:-1], np.diff(splits))
    positions, order = ranks(child, parent, tables[child], starts)
    elements = _encode(child, tables, positions=positions)
    if order is not None:
        elements = elements.take(pa.array(order))
    return _regroup(elements, splits)


def _regroup(elements: pa.Array, splits: Integers) -> pa.Array:
    """Group elements without a copy, by coarser offsets over the same bytes.

    Group i is elements[splits[i]:splits[i + 1]].

    >>> groups = _regroup(pa.array([b"ab", b"c", b"def"], pa.binary()), np.array([0, 2, 2, 3]))
    >>> groups.to_pylist(), np.frombuffer(groups.buffers()[1], np.int32).tolist()
    ([b'abc', b'', b'def'], [0, 3, 3, 6])
    """
    _, offsets, data = elements.buffers()
    fine = np.frombuffer(offsets, np.int32)[elements.offset : elements.offset + len(elements) + 1]
    coarse = np.ascontiguousarray(fine[splits])
    return pa.Array.from_buffers(pa.binary(), len(coarse) - 1, [None, pa.py_buffer(coarse), data])
