"""Partitioned reads of the marts as Arrow tables.

A partition is a range of document keys holding about so many rows over all levels, cut from the key
distribution in SQL; since every mart is clustered by the document key, reading it is a range scan already in
nesting order, and memory does not grow with the tables.
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

import connectorx
import pyarrow as pa
from bson.decimal128 import Decimal128

from pos_loader.collection import BsonType, Coercion, Collection, Field, Key, Level, OnOverflow, Partition
from pos_loader.declaration import coerce
from pos_loader.declaration.bson_types import MAX_DECIMAL_DIGITS, natural_type, precision_and_scale, reads_as
from pos_loader.documents import readable
from pos_loader.errors import DataError, SpecError
from pos_loader.servers.mariadb import Queries, connect, differs, literal, quote, translate
from pos_loader.servers.profile import MariaDB
from pos_loader.servers.session import STATEMENTS

_EXACT_DIGITS = 28  # connectorx reads DECIMAL through a 96-bit coefficient
_EXACT_SCALE = 10  # and gives decimal128(38, 10), for which it writes ten digits of fraction


def check_marts(queries: Queries, collection: Collection) -> None:
    """Compare every mart in MariaDB with what its level declares.

    Raises `SpecError` naming the model: no such table, another clustered key, a key not in binary collation.
    """
    sorted_as: dict[str, str] = {}
    for level in collection.root.walk():
        columns = queries.rows(
            "select column_name, collation_name, column_type from information_schema.columns "
            "where table_schema = %s and table_name = %s",
            (level.schema, level.table),
        )
        where = f"model {level.model}, table {level.schema}.{level.table}"
        if not columns:
            raise SpecError("the table is missing", where=where, fix="run dbt build first")
        declared = {name.lower(): name for name in level.columns}
        spelled = {str(name): declared.get(str(name).lower(), str(name)) for name, _, _ in columns}
        collations = {spelled[str(name)]: collation for name, collation, _ in columns}
        missing = [name for name in level.columns if name not in collations]
        if missing:
            raise SpecError(f"column {missing[0]} is missing", where=where, fix="run dbt build again")
        clustered = queries.rows(
            "select column_name from information_schema.statistics where table_schema = %s "
            "and table_name = %s and index_name = 'PRIMARY' order by seq_in_index",
            (level.schema, level.table),
        )
        found = tuple(spelled[str(name)] for (name,) in clustered)
        if found != level.key:
            raise SpecError(
                f"the primary key is ({', '.join(found)}), not ({', '.join(level.key)})",
                where=where,
                fix="run dbt build again, or mend the primary_key config",
            )
        types = {spelled[str(name)]: str(kind) for name, _, kind in columns}
        _check_types(level, types, where)
        for name in level.key:
            if collations[name] is not None:
                _check_sorting(name, str(collations[name]), sorted_as, where)


def _check_sorting(key: str, collation: str, sorted_as: dict[str, str], where: str) -> None:
    """Require that a text key sorts as BSON does, and as in the models above, noted in `sorted_as`."""
    if not collation.endswith("_bin"):
        raise SpecError(
            f"key {key} has collation {collation}",
            where=where,
            fix="give it the collation utf8mb4_nopad_bin, so that MariaDB and BSON sort alike",
        )
    above = sorted_as.setdefault(key, collation)
    if above != collation and above.partition("_")[0] == collation.partition("_")[0]:
        raise SpecError(
            f"key {key} has collation {collation}, and {above} in the models above",
            where=where,
            fix="give it one collation in all models, best utf8mb4_nopad_bin",
        )


def _check_types(level: Level, types: Mapping[str, str], where: str) -> None:
    """Require that every column of the table can be read as its contract says."""
    for field in (*level.fields, *level.hidden):
        found = types[field.column]
        if not reads_as(found, field.data_type, is_key=field.column in level.key):
            raise SpecError(
                f"column {field.column} is {found} in MariaDB, its contract says {field.data_type}",
                where=where,
                fix="run dbt build again, or cast the column in the mart to the type of its contract",
            )


def require_rows(
    counts: Mapping[str, int], totals: Mapping[str, tuple[int, int]], collection: Collection
) -> None:
    """Refuse a mart without rows for documents; raises `DataError` naming it. Buckets may well be empty.

    `counts` has the rows for documents, `totals` all rows and the unknown member's, by path of the level.
    """
    empty = [level for level in collection.root.walk() if not counts[level.path]]
    if empty and collection.buckets is None:
        rows, unknown = totals[empty[0].path]
        raise DataError(
            f"model {empty[0].model} has no rows"
            + (f" but {unknown:,} of the unknown member {collection.unknown_member}" if rows else ""),
            where=f"table {empty[0].schema}.{empty[0].table}, collection {collection.name}",
            fix="check the source, or allow it: allow_empty: true in meta.mongo, or --allow-empty once",
        )


def require_small_arrays(queries: Queries, collection: Collection) -> None:
    """Refuse arrays longer than their `max_items` may be; raises `DataError` naming the longest."""
    for parent in collection.root.walk():
        for child in parent.children:
            if child.max_items is None or child.on_overflow is not OnOverflow.FAIL:
                continue
            key = ", ".join(quote(name) for name in parent.key)
            longest = queries.rows(
                f"select count(*), {key} from {relation(child)}{where_clause(placed(child, collection))} "  # noqa: S608
                f"group by {key} having count(*) > {child.max_items} order by 1 desc limit 1"
            )
            if longest:
                count, *values = longest[0]
                named = ", ".join(f"{name} {value}" for name, value in zip(parent.key, values, strict=True))
                raise DataError(
                    f"{count} items in {child.name} of {named}, max_items is {child.max_items}",
                    where=f"model {child.model}, collection {collection.name}",
                    fix="raise max_items, declare on_overflow, or keep fewer rows in the mart",
                )


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


def relation(level: Level) -> str:
    """Write a level's mart as SQL."""
    return f"{quote(level.schema)}.{quote(level.table)}"


def placed(level: Level, collection: Collection, partition: Partition | None = None) -> list[str]:
    """Leave out the unknown member's rows: they have no document; for buckets, keys that fit in theirs."""
    key = quote(collection.key_column)
    within = []
    if partition is not None and partition.only is not None:
        # No range: MariaDB pads texts with spaces, so the next possible text comes before its own beginning.
        within.append(f"{key} = {literal(partition.only)}")
    elif partition is not None:
        edges = ((">=", partition.lo), ("<", partition.hi))
        within += [f"{key} {sign} {literal(edge)}" for sign, edge in edges if edge is not None]
    placed = [*within]
    if collection.unknown_member is not None and level.name:
        placed.append(differs(key, collection.unknown_member))
    if collection.buckets is not None:
        array = collection.root
        placed.append(
            f"{key} in (select {key} from {relation(array)}{where_clause(within)} "  # noqa: S608
            f"group by {key} having count(*) > {array.max_items})"
        )
    return placed


def where_clause(conditions: Sequence[str]) -> str:
    """Join conditions to a WHERE clause; none make none."""
    return f" where {' and '.join(conditions)}" if conditions else ""
