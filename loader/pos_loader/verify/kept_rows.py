"""Which rows of a mart the documents hold, as SQL, for reconciliation.

`extract` reads all rows and `trim` drops some of them in memory. This module says in SQL which rows stay. It
shares no code with `trim`, so a fault in one of the two shows as a difference.
"""

from __future__ import annotations

from pos_loader.collection import BUCKET, BsonType, Collection, Level, OnOverflow
from pos_loader.declaration import coerce
from pos_loader.servers.mariadb import Queries, differs, equals, quote

Branch = tuple[Level, ...]
"""A level of `Collection.document` with its ancestors: the root first, the level itself last."""

_AGE, _NUMBER = "`~age`", "`~number`"
"""Columns beside the mart's own: an item's age among its siblings (1 is the newest), and their number."""


def count_rows(queries: Queries, collection: Collection, level: Level) -> tuple[int, int]:
    """Count a mart's rows, and how many belong to the unknown member and therefore to no document."""
    relation = f"{quote(level.schema)}.{quote(level.table)}"
    of_nobody = "0"
    if collection.unknown_member is not None and level.name:
        condition = equals(quote(collection.key_column), collection.unknown_member)
        of_nobody = f"(select count(*) from {relation} where {condition})"  # noqa: S608
    ((rows, unknown),) = queries.rows(f"select count(*), {of_nobody} from {relation}")  # noqa: S608
    return int(rows), int(unknown)


def rows_of(queries: Queries, collection: Collection, branch: Branch) -> str:
    """Write what follows `from` in a query that returns one row per item of a level, or per document."""
    level, age = branch[-1], _age(collection, branch)
    if collection.buckets and not level.name:
        array = (*branch, level.children[0])
        return _buckets(collection, rows_of(queries, collection, array))
    conditions = []
    if collection.unknown_member is not None and level.name:
        conditions.append(differs(quote(collection.key_column), collection.unknown_member))
    trimmed = [
        branch[: depth + 1] for depth in range(1, len(branch) - 1) if _age(collection, branch[: depth + 1])
    ]
    if trimmed:
        keys = ", ".join(map(quote, _key(trimmed[-1][-1])))
        conditions.append(f"({keys}) in (select {keys} from {rows_of(queries, collection, trimmed[-1])})")  # noqa: S608
    relation = f"{quote(level.schema)}.{quote(level.table)}"
    where = f" where {' and '.join(conditions)}" if conditions else ""
    if not age:
        return f"{relation}{where}"
    texts = _texts(queries, level)
    # Texts are compared byte for byte: MariaDB's windows put 'a' and 'a\0' into one partition.
    parent = ", ".join(_bytewise(name, texts) for name in _key(branch[-2]))
    newest = ", ".join(f"{column} desc" for column in _order(level, branch[-2], texts))
    ranked = (
        f"select {relation}.*, row_number() over (partition by {parent} order by {newest}) as {_AGE}, "  # noqa: S608
        f"count(*) over (partition by {parent}) as {_NUMBER} from {relation}{where}"
    )
    return f"({ranked}) as ranked where {age}"


def _age(collection: Collection, branch: Branch) -> str:
    """Write the condition by which items of an array stay; empty means that all stay."""
    if collection.buckets and len(branch) == 2:
        return f"{_AGE} > {collection.root.max_items}"
    level = branch[-1]
    if level.max_items is None or level.on_overflow is OnOverflow.FAIL:
        return ""
    return f"{_AGE} <= {level.max_items}"


def _buckets(collection: Collection, rows: str) -> str:
    """Write the rows of buckets: items are numbered from the oldest on, and `items` of them fill a bucket."""
    assert collection.buckets is not None  # noqa: S101 - the caller asked
    bucket = f"({_NUMBER} - {_AGE}) div {collection.buckets.items}"
    key = quote(collection.key_column)
    return f"(select distinct {key}, {bucket} from {rows}) as buckets"  # noqa: S608


def _key(level: Level) -> tuple[str, ...]:
    return tuple(name for name in level.key if name != BUCKET)


def _texts(queries: Queries, level: Level) -> set[str]:
    """Name the columns of a mart that have a collation, in lower case."""
    found = queries.rows(
        "select column_name from information_schema.columns "
        "where table_schema = %s and table_name = %s and collation_name is not null",
        (level.schema, level.table),
    )
    return {str(name).lower() for (name,) in found}


def _bytewise(column: str, texts: set[str]) -> str:
    return f"cast({quote(column)} as binary)" if column.lower() in texts else quote(column)


def _order(level: Level, parent: Level, texts: set[str]) -> list[str]:
    """Write the columns that sort siblings from old to new; texts byte for byte, as `merge` sorts them."""
    dates = {
        field.column: coerce.value(field)
        for field in (*level.fields, *level.hidden)
        if field.type is BsonType.DATE
    }
    names = dict.fromkeys([*level.order_by, *_key(level)[len(_key(parent)) :]])
    return [dates.get(name) or _bytewise(name, texts) for name in names]
