"""The partitions of a collection: ranges of document keys, cut from the key distribution in SQL.

Each holds about the same number of rows, counted over all levels, so memory does not grow with the tables.
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
from pos_loader.documents.marts import placed, relation, where_clause
from pos_loader.servers.mariadb import Queries, connect, literal, quote

_ROOM = (
    "set session tmp_memory_table_size = greatest(@@tmp_memory_table_size, 256 * 1024 * 1024), "
    "max_heap_table_size = greatest(@@max_heap_table_size, 256 * 1024 * 1024)"
)


@dataclass(frozen=True)
class Cut:
    """A collection's partitions, the rows that have a place in documents, and where these may be large."""

    partitions: tuple[Partition, ...]
    rows: dict[str, int]
    """By path of the level, without the unknown member's; for buckets, the rows of the keys that have any."""
    heavy: tuple[tuple[Key, Key], ...]
    """Where rows of one key may weigh more than asked: first and last such key of each partition with any."""


def cut(
    queries: Queries,
    collection: Collection,
    *,
    rows: int,
    weights: Mapping[Level, int],
    limit: int,
    workers: int = 1,
) -> Cut:
    """Cut the key space into partitions of about `rows` rows over all levels, the ends left open.

    `weights` holds what a row of each level weighs at most, `limit` the weight above which a key is heavy.
    Every mart's clustered index is read once, a stretch at a time, `workers` at once, so that MariaDB sums no
    more keys than its memory holds. The sums that follow on `queries` have the same room there.
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
    """Cut the key space at every so many rows of the root, the ends left open."""
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
    """The ranges that these keys part, the ends left open."""
    ends = pairwise([None, *edges, None])
    return tuple(Partition(index, lo, hi) for index, (lo, hi) in enumerate(ends))


def _cut(
    collection: Collection, stretch: Partition, *, rows: int, weights: Mapping[Level, int], limit: int
) -> str:
    """Write the cut of a stretch: of each partition the first key, ends of its heavy keys, rows by level."""
    levels = [*collection.root.walk()]
    key = quote(collection.key_column)
    names = [f"c{place}" for place in range(len(levels))]
    counts = " union all ".join(
        f"select {key} as k, {', '.join('count(*)' if mine == name else '0' for mine in names)} "  # noqa: S608
        f"from {relation(level)}{where_clause(placed(level, collection, stretch))} group by {key}"
        for name, level in zip(names, levels, strict=True)
    )
    sums = ", ".join(f"sum({name}) as {name}" for name in names)
    weighed = " + ".join(f"{name} * {weights[level]}" for name, level in zip(names, levels, strict=True))
    together = " + ".join(names)
    return (
        f"with levels (k, {', '.join(names)}) as ({counts}), "  # noqa: S608
        f"documents as (select k, {sums} from levels group by k), "
        f"placed as (select documents.*, {weighed} as weight, "
        f"floor((sum({together}) over (order by k) - ({together})) / {rows}) as part from documents) "
        f"select min(k), min(if(weight > {limit}, k, null)), max(if(weight > {limit}, k, null)), {sums} "
        "from placed group by part order by 1"
    )


def split_points(queries: Queries, collection: Collection, *, chunks: int) -> list[tuple[object, ...]]:
    """Cut a ranged shard key into `chunks` parts of equal documents: their lower bounds but the first."""
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


def _in_bson(field: Field, value: Any) -> object:
    """A value of MariaDB as the documents have it; one of too many digits is rounded, as a bound may be."""
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
