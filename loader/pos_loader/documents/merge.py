"""Matches sorted tables by key: finds each parent's children, and their order within the parent.

A level's table is sorted by the level's key, and that key begins with the parent's key. So the children of
one parent are neighbouring rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pos_loader.collection import BUCKET, Level
from pos_loader.documents.encode import column_of, value_text
from pos_loader.errors import DataError

Integers = npt.NDArray[np.int64]

# How to correct keys that MariaDB does not sort as BSON does.
NOPAD = (
    "make the key the model's primary key; give a text key the collation utf8mb4_nopad_bin in every model, "
    "because it sorts as BSON does, while utf8mb4_bin pads with blanks"
)


def check_order(level: Level, table: pa.Table) -> None:
    """Raise `DataError` where the level's key repeats, or does not ascend from row to row."""
    ascends = np.zeros(max(table.num_rows - 1, 0), bool)
    for name in reversed(level.key):
        column = column_of(table, name)
        before, after = column[:-1], column[1:]
        ascends &= pc.equal(after, before).to_numpy(zero_copy_only=False)
        ascends |= pc.greater(after, before).to_numpy(zero_copy_only=False)
    if not ascends.all():
        row = int(np.argmin(ascends)) + 1
        key = describe_key(level.key, [value_text(table.column(name), row) for name in level.key])
        raise DataError(
            f"rows are repeated or out of order at {key}", where=f"model {level.model}", fix=NOPAD
        )


def row_splits(child: Level, parent: Level, rows: pa.Table, parents: pa.Table) -> Integers:
    """Find each parent's children: N + 1 offsets into the child rows, for N parents.

    Both tables are sorted by the parent's key. Raises `DataError` for a child without a parent.

    Customer 1 has the orders in rows 0 and 1, customer 2 has none, customer 3 has the order in row 2:

    >>> customers = Level("", "dim_customers", "shop", "customers", ("customer_id",), ())
    >>> orders = Level("orders", "fct_orders", "shop", "orders", ("customer_id", "order_id"), ())
    >>> rows = pa.table({"customer_id": [1, 1, 3], "order_id": [10, 11, 12]})
    >>> row_splits(orders, customers, rows, pa.table({"customer_id": [1, 2, 3]})).tolist()
    [0, 2, 2, 3]
    """
    columns = [column_of(rows, name) for name in parent.key]
    starts = run_starts(columns, rows.num_rows)
    runs = [column.take(pa.array(starts)) for column in columns]
    keys = [column_of(parents, name) for name in parent.key]
    parent_codes, run_codes = _codes(keys, runs)
    found = np.searchsorted(parent_codes, run_codes)
    matched = np.zeros(len(runs[0]), bool)
    inside = found < len(parent_codes)
    matched[inside] = parent_codes[found[inside]] == run_codes[inside]
    if not matched.all():
        orphan = int(np.argmin(matched))
        key = describe_key(parent.key, [value_text(run, orphan) for run in runs])
        raise DataError(
            f"{int((~matched).sum())} keys of {child.model} have no row in {parent.model}, first {key}",
            where=f"model {child.model}",
            fix="add a relationships test, or give such rows the declared unknown_member",
        )
    counts = np.zeros(len(parent_codes) + 1, np.int64)
    counts[found + 1] = np.diff(np.append(starts, rows.num_rows))
    splits: Integers = np.cumsum(counts)
    return splits


def describe_key(names: Sequence[str], values: Sequence[object]) -> str:
    """Spell a key for a message: `customer_id 7, order_id 12`."""
    pairs = zip(names, values, strict=True)
    return ", ".join(f"{name} {value}" for name, value in pairs if name != BUCKET)


def run_starts(columns: Sequence[pa.Array], count: int) -> Integers:
    """Find the positions at which any of the key columns changes, from 0 on.

    >>> run_starts([pa.array([1, 1, 3, 3, 4])], 5).tolist()
    [0, 2, 4]
    """
    if not count:
        return np.zeros(0, np.int64)
    changed = np.zeros(count, bool)
    changed[0] = True
    for column in columns:
        changed[1:] |= pc.not_equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
    return np.flatnonzero(changed)


def _codes(left: Sequence[pa.Array], right: Sequence[pa.Array]) -> tuple[Integers, Integers]:
    """Turn the keys of both sides into numbers that compare as the whole keys do.

    >>> _codes([pa.array([1, 1, 2]), pa.array(["a", "b", "a"])], [pa.array([1, 2]), pa.array(["b", "a"])])
    (array([0, 1, 2]), array([1, 2]))
    """
    codes = np.zeros(len(left[0]) + len(right[0]), np.int64)
    span = 1
    for mine, theirs in zip(left, right, strict=True):
        column, width = _column_codes(_concatenate(mine, theirs))
        if span * width > np.iinfo(np.int64).max:
            column, width = _dense(column)
        if span * width > np.iinfo(np.int64).max:
            codes, span = _dense(codes)
        codes, span = codes * width + column, span * width
    return codes[: len(left[0])], codes[len(left[0]) :]


def _concatenate(*columns: pa.Array) -> pa.Array:
    """Append columns, in a type that holds all of them: a key may be int in one model, bigint in another."""
    kinds = {column.type for column in columns}
    if len(kinds) > 1 and all(map(pa.types.is_integer, kinds)) and pa.uint64() in kinds:
        columns = tuple(column.cast(pa.decimal128(20, 0)) for column in columns)
    tables = [pa.table({"key": column}) for column in columns]
    return pa.concat_tables(tables, promote_options="permissive").column("key").combine_chunks()


def _column_codes(column: pa.Array) -> tuple[Integers, int]:
    if not len(column):
        return np.zeros(0, np.int64), 1
    if pa.types.is_timestamp(column.type):
        column = column.view(pa.int64())
    if pa.types.is_integer(column.type):
        values = column.to_numpy()
        values = values.astype(np.uint64 if values.dtype.kind == "u" else np.int64)
        low, high = values.min(), values.max()
        span = int(high) - int(low) + 1
        if span <= np.iinfo(np.int64).max:
            return (values - low).astype(np.int64), span
        return _dense(values)
    distinct = column.unique()
    ordered = distinct.take(pc.sort_indices(distinct))
    return pc.index_in(column, value_set=ordered).to_numpy().astype(np.int64), len(ordered)


def _dense(codes: npt.NDArray[np.integer]) -> tuple[Integers, int]:
    distinct, inverse = np.unique(codes, return_inverse=True)
    return inverse.astype(np.int64), max(len(distinct), 1)


def ranks(child: Level, parent: Level, rows: pa.Table, starts: Integers) -> tuple[Integers, Integers | None]:
    """Rank the children of each parent by `order_by`.

    `starts` holds, for each row, the position of its parent's first row. Returns each row's rank among its
    siblings, from 0 on, and the rows' positions in the new order; None where they are in order already.

    >>> customers = Level("", "dim_customers", "shop", "customers", ("customer_id",), ())
    >>> orders = Level(
    ...     "orders", "fct_orders", "shop", "orders", ("customer_id", "order_id"), (), order_by=("placed_on",)
    ... )
    >>> rows = pa.table({"customer_id": [1, 1, 3], "order_id": [10, 11, 12], "placed_on": [3, 2, 1]})
    >>> ranks(orders, customers, rows, np.array([0, 0, 2]))
    (array([1, 0, 0]), array([1, 0, 2]))
    """
    positions = np.arange(rows.num_rows) - starts
    order = _sort_order(child, parent, rows, starts)
    if order is None:
        return positions, None
    rank = np.empty_like(order)
    rank[order] = positions
    return rank, order


def _sort_order(child: Level, parent: Level, rows: pa.Table, starts: Integers) -> Integers | None:
    """Sort the children of each parent by `order_by`, NULL first as in MariaDB. None means already sorted."""
    own_key = child.key[len(parent.key) :]
    if child.order_by == own_key[: len(child.order_by)]:
        return None
    columns = [column_of(rows, name) for name in dict.fromkeys([*child.order_by, *own_key])]
    ranks = [_ranks(column) for column in reversed(columns)]
    order: Integers = np.lexsort([*ranks, starts])
    return None if np.array_equal(order, np.arange(len(order))) else order


def _ranks(column: pa.Array) -> Integers:
    """Turn a column into numbers that sort as its values do, NULL first."""
    codes, _ = _column_codes(column.drop_null())
    if not column.null_count:
        return codes
    ranks = np.full(len(column), -1, np.int64)
    ranks[pc.is_valid(column).to_numpy(zero_copy_only=False)] = codes
    return ranks
