"""The partitions of a collection: ranges of document keys, cut from the key distribution in SQL.

Each partition holds about the same number of rows, counted over all levels, so memory does not grow with the
tables. The key space is first split into stretches. Within a stretch, a key belongs to partition number
floor(rows of all keys before it / rows asked for). With 5 rows asked for:

    key                  1  2  3  4
    rows of the key      3  3  5  1
    rows of keys before  0  3  6 11
    partition            0  0  1  2

So the stretch is cut at 3 and 4:

>>> [(partition.lo, partition.hi) for partition in _between([3, 4])]
[(None, 3), (3, 4), (4, None)]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Context, Decimal
from itertools import pairwise
from typing import Any

from bson.decimal128 import Decimal128

from pos_loader.collection import BsonType, Collection, Field, Key, Level, Partition
from pos_loader.declaration.bson_types import MAX_DECIMAL_DIGITS
from pos_loader.documents.marts import conditions, relation, where_clause
from pos_loader.servers.mariadb import Queries, connect, literal, quote

_ROOM = (
    "set session tmp_memory_table_size = greatest(@@tmp_memory_table_size, 256 * 1024 * 1024), "
    "max_heap_table_size = greatest(@@max_heap_table_size, 256 * 1024 * 1024)"
)


@dataclass(frozen=True)
class Cut:
    """A collection's partitions, how many rows its documents hold, and where documents may be large."""

    partitions: tuple[Partition, ...]
    rows: dict[str, int]
    """By path of the level, without the unknown member's; for buckets, only rows of keys that overflow."""
    heavy: tuple[tuple[Key, Key], ...]
    """The first and the last key over the weight limit, for each partition that has such keys."""


def cut(
    queries: Queries,
    collection: Collection,
    *,
    rows: int,
    weights: Mapping[Level, int],
    limit: int,
    workers: int = 1,
) -> Cut:
    """Cut the key space into partitions of about `rows` rows over all levels. The outer ends are open.

    `weights` says what a row of each level weighs at most; a key whose rows weigh more than `limit` is heavy.
    MariaDB reads every mart's clustered index once. It does so in stretches, `workers` of them at once, so
    that its sums fit in memory. The session of `queries` gets the same memory for the sums that follow.
    """
    queries.execute(_ROOM)

    def read(stretch: Partition) -> list[tuple[Any, ...]]:
        with connect(queries.server) as mine:
            mine.execute(_ROOM)
            return mine.rows(_cut(collection, stretch, rows=rows, weights=weights, limit=limit))

    with ThreadPoolExecutor(workers, thread_name_prefix="survey") as pool:
        found = [row for part in pool.map(read, _stretches(queries, collection, rows=rows)) for row in part]
    levels = [*collection.root.walk()]
    counted: Counter[str] = Counter({level.path: 0 for level in levels})
    for _, _, _, *parts in found:
        for level, count in zip(levels, parts, strict=True):
            counted[level.path] += int(count)
    heavy = tuple((first, last) for _, first, last, *_ in found if first is not None)
    return Cut(_between([row[0] for row in found[1:]]), dict(counted), heavy)


def _stretches(queries: Queries, collection: Collection, *, rows: int) -> tuple[Partition, ...]:
    """Cut the key space after every `rows` rows of the root. The outer ends are open."""
    key, root = quote(collection.key_column), relation(collection.root)
    edges: list[Key] = []
    beyond: list[str] = []
    while found := queries.rows(
        f"select {key} from {root}{where_clause(beyond)} order by {key} limit 1 offset {rows}"  # noqa: S608
    ):
        edges.append(found[0][0])
        beyond = [f"{key} > {literal(edges[-1])}"]
    return _between(edges)


def _between(edges: Sequence[Key]) -> tuple[Partition, ...]:
    """Give the ranges between these keys. The outer ends are open."""
    ends = pairwise([None, *edges, None])
    return tuple(Partition(index, lo, hi) for index, (lo, hi) in enumerate(ends))


def _cut(
    collection: Collection, stretch: Partition, *, rows: int, weights: Mapping[Level, int], limit: int
) -> str:
    """Write the query that cuts a stretch, a range of keys, into partitions of about `rows` rows.

    It returns a row for each partition: its first key, the first and the last key whose document weighs more
    than `limit` bytes, and its count of rows by level.

    >>> orders = Level("orders", "fct_orders", "shop", "orders", ("customer_id", "order_id"), ())
    >>> customers = Level("", "dim_customers", "shop", "customers", ("customer_id",), (), children=(orders,))
    >>> collection = Collection("customers", "shop", "customers", customers, ())
    >>> print(_cut(collection, Partition(0, None, 9), rows=5, weights={customers: 40, orders: 20}, limit=100))
    with
    levels (k, c0, c1) as (select `customer_id` as k, count(*), 0
      from `shop`.`customers` where `customer_id` < 9 group by `customer_id`
      union all select `customer_id` as k, 0, count(*)
      from `shop`.`orders` where `customer_id` < 9 group by `customer_id`),
    documents as (select k, sum(c0) as c0, sum(c1) as c1 from levels group by k),
    parts as (select documents.*, c0 * 40 + c1 * 20 as weight,
      floor((sum(c0 + c1) over (order by k) - (c0 + c1)) / 5) as part from documents)
    select min(k), min(if(weight > 100, k, null)), max(if(weight > 100, k, null)),
      sum(c0) as c0, sum(c1) as c1
    from parts group by part order by 1
    """
    levels = [*collection.root.walk()]
    key = quote(collection.key_column)
    names = [f"c{index}" for index in range(len(levels))]
    counts = " union all ".join(
        f"select {key} as k, {', '.join('count(*)' if mine == name else '0' for mine in names)} "  # noqa: S608
        f"from {relation(level)}{where_clause(conditions(level, collection, stretch))} group by {key}"
        for name, level in zip(names, levels, strict=True)
    )
    sums = ", ".join(f"sum({name}) as {name}" for name in names)
    weighed = " + ".join(f"{name} * {weights[level]}" for name, level in zip(names, levels, strict=True))
    together = " + ".join(names)
    return (
        f"with levels (k, {', '.join(names)}) as ({counts}), "  # noqa: S608
        f"documents as (select k, {sums} from levels group by k), "
        f"parts as (select documents.*, {weighed} as weight, "
        f"floor((sum({together}) over (order by k) - ({together})) / {rows}) as part from documents) "
        f"select min(k), min(if(weight > {limit}, k, null)), max(if(weight > {limit}, k, null)), {sums} "
        "from parts group by part order by 1"
    )


def split_points(queries: Queries, collection: Collection, *, chunks: int) -> list[tuple[object, ...]]:
    """Cut a ranged shard key into `chunks` parts of about as many documents.

    Returns the lower bounds of all parts but the first.
    """
    by_name = {field.name: field for field in collection.root.fields}
    fields = [by_name[path] for path, _ in collection.shard_key]
    names = ", ".join(quote(field.column) for field in fields)
    ranked = queries.rows(
        f"select {names} from (select {names}, row_number() over (order by {names}) as `~n`, "  # noqa: S608
        f"count(*) over () as `~all` from {relation(collection.root)}) as ranked where `~n` > 1 and "
        f"floor((`~n` - 1) * {chunks} / `~all`) > floor((`~n` - 2) * {chunks} / `~all`) order by `~n`"
    )
    bounds = dict.fromkeys(tuple(row) for row in ranked)
    return [tuple(map(_in_bson, fields, bound)) for bound in bounds]


@dataclass(frozen=True)
class KeyValues:
    """How many documents and shard keys there are, and how many documents have the most common shard key."""

    documents: int
    distinct: int
    largest: int
    example: str
    """The most common shard key, as text."""


def key_values(queries: Queries, collection: Collection) -> KeyValues | None:
    """Count the values of the shard key; None where it has `_id`, so that all differ, and for empty marts."""
    by_name = {field.name: field for field in collection.root.fields}
    paths = [path for path, _ in collection.shard_key]
    if collection.buckets or not paths or "_id" in paths:
        return None
    names = ", ".join(quote(by_name[path].column) for path in paths)
    found = queries.rows(
        f"select sum(`~n`) over (), count(*) over (), `~n`, {names} from (select {names}, count(*) as `~n` "  # noqa: S608
        f"from {relation(collection.root)} group by {names}) as counted order by `~n` desc limit 1"
    )
    if not found:
        return None
    documents, distinct, largest, *values = found[0]
    example = ", ".join(f"{path}: {value!r}" for path, value in zip(paths, values, strict=True))
    return KeyValues(int(documents), int(distinct), int(largest), example)


def _in_bson(field: Field, value: Any) -> object:
    """Convert a value of MariaDB to that of the documents. A decimal may be rounded: it is only a bound."""
    match value:
        case None:
            return None
        case Decimal():
            return Decimal128(Context(prec=MAX_DECIMAL_DIGITS).create_decimal(value))
        case datetime():
            return value
        case date():
            return datetime.combine(value, time())
        case _:
            return bool(value) if field.type is BsonType.BOOL else value
