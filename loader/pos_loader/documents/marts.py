"""Marts as the loader finds them: checks of their tables, and SQL for the rows that belong in documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pos_loader.collection import Collection, Level, OnOverflow, Partition
from pos_loader.declaration.bson_types import reads_as
from pos_loader.errors import DataError, SpecError
from pos_loader.servers.mariadb import Queries, differs, literal, quote


def check_marts(queries: Queries, collection: Collection) -> None:
    """Compare every mart in MariaDB with what its level declares.

    Raises `SpecError`, which names the model, where the table is missing, its primary key is another, a
    column has another type, or a text key does not sort as BSON does.
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
                fix="run dbt build again, or correct the primary_key config",
            )
        types = {spelled[str(name)]: str(kind) for name, _, kind in columns}
        _check_types(level, types, where)
        for name in level.key:
            if collations[name] is not None:
                _check_sorting(name, str(collations[name]), sorted_as, where)


def _check_sorting(key: str, collation: str, sorted_as: dict[str, str], where: str) -> None:
    """Require that a text key sorts as BSON does, and as it does in the models above (`sorted_as`)."""
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
    """Raise `DataError` where a mart has no rows for documents. A collection of buckets may be empty.

    Both mappings are by path of the level: `counts` has the rows for documents, `totals` all rows and those
    of the unknown member.
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
    """Raise `DataError` where an array is longer than its `max_items` allows, and name the longest one."""
    for parent in collection.root.walk():
        for child in parent.children:
            if child.max_items is None or child.on_overflow is not OnOverflow.FAIL:
                continue
            key = ", ".join(quote(name) for name in parent.key)
            longest = queries.rows(
                f"select count(*), {key} from {relation(child)}{where_clause(conditions(child, collection))} "  # noqa: S608
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


def relation(level: Level) -> str:
    """Write the name of a level's mart as SQL."""
    return f"{quote(level.schema)}.{quote(level.table)}"


def conditions(level: Level, collection: Collection, partition: Partition | None = None) -> list[str]:
    """Write the conditions that a level's rows meet where they belong in documents of the partition.

    The unknown member's rows belong in none. Buckets only hold keys whose array overflows.

    >>> orders = Level("orders", "fct_orders", "shop", "orders", ("customer_id", "order_id"), ())
    >>> customers = Level("", "dim_customers", "shop", "customers", ("customer_id",), (), children=(orders,))
    >>> collection = Collection("customers", "shop", "customers", customers, (), unknown_member=0)
    >>> conditions(orders, collection, Partition(1, 300, 500))
    ['`customer_id` >= 300', '`customer_id` < 500', '`customer_id` <> 0']
    """
    key = quote(collection.key_column)
    within = []
    if partition is not None and partition.only is not None:
        # Not as a range: MariaDB pads texts with spaces, so it sorts the next possible text before this one.
        within.append(f"{key} = {literal(partition.only)}")
    elif partition is not None:
        edges = ((">=", partition.lo), ("<", partition.hi))
        within += [f"{key} {sign} {literal(edge)}" for sign, edge in edges if edge is not None]
    needed = [*within]
    if collection.unknown_member is not None and level.name:
        needed.append(differs(key, collection.unknown_member))
    if collection.buckets is not None:
        array = collection.root
        needed.append(
            f"{key} in (select {key} from {relation(array)}{where_clause(within)} "  # noqa: S608
            f"group by {key} having count(*) > {array.max_items})"
        )
    return needed


def where_clause(needed: Sequence[str]) -> str:
    """Join conditions to a WHERE clause; empty where there are none."""
    return f" where {' and '.join(needed)}" if needed else ""
