"""Applies size policies: decides which rows of an array a document holds.

When a row is dropped, all rows below it are dropped too, so the tables have no orphans. Every row that was
read is counted once: as nested, left out, or elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pos_loader.collection import BUCKET, Collection, Level, OnOverflow
from pos_loader.documents.encode import column_of
from pos_loader.documents.merge import Integers, ranks, row_splits, run_starts

Mask = npt.NDArray[np.bool_]


@dataclass
class Trimmed:
    """One table per level of `Collection.document`, and counts of rows by path (see `Documents`)."""

    tables: dict[Level, pa.Table]
    rows: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)


def trim(collection: Collection, tables: Mapping[Level, pa.Table]) -> Trimmed:
    """Apply the declared size policies.

    A document keeps the newest `max_items` rows of an array. A collection of buckets puts the other rows into
    buckets.
    """
    trimmed = _bucketed(collection, tables) if collection.buckets else Trimmed(dict(tables))
    for parent in collection.document.walk():
        for child in parent.children:
            if child.max_items is not None and child.on_overflow is not OnOverflow.FAIL:
                counts = trimmed.left_out if child.on_overflow is OnOverflow.NEWEST else trimmed.elsewhere
                _keep_newest(child, parent, trimmed.tables, child.max_items, counts)
    for level in collection.document.walk():
        if level.name or not collection.buckets:
            trimmed.rows[level.path] += trimmed.tables[level].num_rows
    return trimmed


def _keep_newest(
    child: Level, parent: Level, tables: dict[Level, pa.Table], most: int, dropped: Counter[str]
) -> None:
    """Keep the last `most` children of each parent, in their order.

    >>> customers = Level("", "dim_customers", "shop", "customers", ("customer_id",), ())
    >>> key = ("customer_id", "order_id")
    >>> orders = Level("orders", "fct_orders", "shop", "orders", key, (), path="orders")
    >>> rows = pa.table({"customer_id": [1, 1, 1, 3], "order_id": [10, 11, 12, 13]})
    >>> tables, dropped = {customers: pa.table({"customer_id": [1, 2, 3]}), orders: rows}, Counter()
    >>> _keep_newest(orders, customers, tables, 2, dropped)
    >>> tables[orders].column("order_id").to_pylist(), dropped["orders"]
    ([11, 12, 13], 1)
    """
    splits = row_splits(child, parent, tables[child], tables[parent])
    sizes = np.diff(splits)
    if sizes.max(initial=0) > most:
        positions, _ = ranks(child, parent, tables[child], np.repeat(splits[:-1], sizes))
        _filter(child, tables, positions >= np.repeat(sizes, sizes) - most, dropped)


def _filter(level: Level, tables: dict[Level, pa.Table], keep: Mask, dropped: Counter[str]) -> None:
    """Drop rows of `level`, and all rows below them."""
    for child in level.children:
        _filter(child, tables, np.repeat(keep, _sizes(child, level, tables)), dropped)
    tables[level] = tables[level].filter(pa.array(keep))
    dropped[level.path] += int((~keep).sum())


def _sizes(child: Level, parent: Level, tables: Mapping[Level, pa.Table]) -> Integers:
    """Count each parent row's children."""
    sizes: Integers = np.diff(row_splits(child, parent, tables[child], tables[parent]))
    return sizes


def _bucketed(collection: Collection, tables: Mapping[Level, pa.Table]) -> Trimmed:
    """Put the rows that their parent's document does not keep into numbered buckets, oldest rows first."""
    assert collection.buckets is not None  # noqa: S101 - the caller asked
    assert collection.root.max_items is not None  # noqa: S101 - nothing overflows without it
    source, document = collection.root, collection.document
    (array,) = document.children
    starts = run_starts([column_of(tables[source], collection.key_column)], tables[source].num_rows)
    sizes = np.diff(np.append(starts, tables[source].num_rows))
    parents = np.repeat(np.arange(len(starts)), sizes)
    by_parent = replace(document, key=source.key[:1])
    positions, _ = ranks(source, by_parent, tables[source], starts[parents])
    trimmed = Trimmed({})
    keep = positions < sizes[parents] - collection.root.max_items
    _number(source, array, tables, keep, parents, positions // collection.buckets.items, trimmed)
    columns = [column_of(trimmed.tables[array], name) for name in document.key]
    heads = pa.array(run_starts(columns, trimmed.tables[array].num_rows))
    names_and_columns = zip(document.key, columns, strict=True)
    trimmed.tables[document] = pa.table({name: column.take(heads) for name, column in names_and_columns})
    return trimmed


def _number(
    level: Level,
    numbered: Level,
    tables: Mapping[Level, pa.Table],
    keep: Mask,
    parents: Integers,
    buckets: Integers,
    trimmed: Trimmed,
) -> None:
    """Give the kept rows and the rows below them their bucket's number. Sort them by parent and bucket."""
    chosen = np.flatnonzero(keep)
    # The sort is stable, so rows stay in key order within a bucket.
    order = chosen[np.lexsort((buckets[chosen], parents[chosen]))]
    number = pa.array(buckets[order], pa.int32())
    trimmed.tables[numbered] = tables[level].take(pa.array(order)).append_column(BUCKET, number)
    trimmed.elsewhere[level.path] += len(keep) - len(chosen)
    for child, below in zip(level.children, numbered.children, strict=True):
        sizes = _sizes(child, level, tables)
        here = np.repeat(np.arange(len(keep)), sizes)
        _number(child, below, tables, keep[here], parents[here], buckets[here], trimmed)
