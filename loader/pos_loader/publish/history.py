"""Reads the audit tables in the marts' schema: the last loads, and which load published a collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pos_loader.errors import TableReplaced
from pos_loader.load_results import Moment, moment_of
from pos_loader.servers import mariadb
from pos_loader.servers.mariadb import Queries, quote
from pos_loader.servers.profile import MariaDB

RUNS, COLLECTIONS = "pos_loader_runs", "pos_loader_collections"
PUBLISHED = "('full refresh', 'sync')"
"""The modes of audit rows that stand for a publication, as SQL."""


@dataclass(frozen=True)
class Entry:
    """The last publication of a collection; `uuid` is empty where an older loader published it."""

    load_id: str
    uuid: str


@dataclass(frozen=True)
class Run:
    """One load as the audit tables have it; `collections` maps columns to values, for each collection."""

    load_id: str
    command: str
    status: str
    exit_code: int | None
    error: str | None
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    dbt_invocation: str
    loader_version: str
    host: str
    collections: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Origin:
    """The load that published a collection last; `not_nested` is text about rows that are in no document."""

    dbt_invocation: str
    finished_at: datetime
    not_nested: str
    moment: Moment | None = None


Origins = Mapping[tuple[str, str], Origin]
"""By the collection's name and namespace."""


def columns_of(queries: Queries, schema: str, table: str) -> set[str]:
    """Read the names of a table's columns; empty where the table does not exist."""
    rows = queries.rows(
        "select column_name from information_schema.columns where table_schema = %s and table_name = %s",
        (schema, table),
    )
    return {str(name) for (name,) in rows}


def last_published(server: MariaDB, namespace: str) -> Entry | None:
    """Read the last publication of `database.collection`; None where the tables know of none.

    Raises `ConnectionFailed` where MariaDB cannot be reached.
    """
    with mariadb.connect(server) as queries:
        columns = columns_of(queries, server.schema, COLLECTIONS)
        if not {"load_id", "namespace", "mode", "finished_at"} <= columns:
            return None
        uuid = "collection_uuid" if "collection_uuid" in columns else "null"
        rows = queries.rows(
            f"select load_id, {uuid} from {quote(server.schema)}.{COLLECTIONS} "  # noqa: S608
            f"where namespace = %s and mode in {PUBLISHED} order by finished_at desc limit 1",
            (namespace,),
        )
    return Entry(rows[0][0], rows[0][1] or "") if rows else None


def last_runs(server: MariaDB, *, limit: int) -> tuple[Run, ...]:
    """Read the last loads, the newest first; empty where no load has left a row.

    Raises `LoaderError` where MariaDB cannot be read.
    """
    columns = [name for name in Run.__dataclass_fields__ if name != "collections"]
    with mariadb.connect(server) as queries:
        try:
            runs = queries.rows(
                f"select {', '.join(columns)} from {quote(server.schema)}.{RUNS} "  # noqa: S608
                "order by started_at desc, load_id desc limit %s",
                (limit,),
            )
            parts = _parts(queries, server.schema, [str(run[0]) for run in runs])
        except TableReplaced:  # no such table
            return ()
    found = [dict(zip(columns, run, strict=True)) for run in runs]
    return tuple(Run(**run, collections=tuple(parts.get(run["load_id"], ()))) for run in found)


def origins(server: MariaDB) -> Origins:
    """Read which load published each collection last; empty where no load has left a row.

    Raises `LoaderError` where MariaDB cannot be read.
    """
    with mariadb.connect(server) as queries:
        there = columns_of(queries, server.schema, COLLECTIONS)
        later = [f"mine.{name}" if name in there else "null" for name in LATER]
        try:
            rows = queries.rows(_origins(server.schema, ", ".join(later)))
        except TableReplaced:  # no such table
            return {}
    return {
        (name, namespace): Origin(run, at, text or "", moment_of(mode, gtid, taken_at))
        for name, namespace, run, at, text, mode, gtid, taken_at in rows
    }


LATER = ("not_nested", "moment_mode", "moment_gtid", "moment_at")
"""Columns that tables of earlier versions lack."""


def _origins(schema: str, later: str) -> str:
    runs, collections = f"{quote(schema)}.{RUNS}", f"{quote(schema)}.{COLLECTIONS}"
    return (
        f"select mine.collection, mine.namespace, run.dbt_invocation, mine.finished_at, {later} "  # noqa: S608
        f"from {collections} as mine join {runs} as run on run.load_id = mine.load_id "
        "join (select collection, namespace, max(finished_at) as finished_at "
        f"from {collections} where mode in {PUBLISHED} group by collection, namespace) as latest "
        "on latest.collection = mine.collection and latest.namespace = mine.namespace "
        "and latest.finished_at = mine.finished_at "
        f"where mine.mode in {PUBLISHED}"
    )


def _parts(queries: Queries, schema: str, loads: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Read the collections of these loads, by load id."""
    names = (
        "collection",
        "mode",
        "documents",
        "bytes",
        "inserted",
        "replaced",
        "deleted",
        "unchanged",
        "refused",
    )
    found: dict[str, list[dict[str, Any]]] = {}
    if not loads:
        return found
    for load_id, *values in queries.rows(
        f"select load_id, {', '.join(names)} from {quote(schema)}.{COLLECTIONS} "  # noqa: S608
        f"where load_id in ({', '.join(['%s'] * len(loads))}) order by collection",
        tuple(loads),
    ):
        found.setdefault(load_id, []).append(dict(zip(names, values, strict=True)))
    return found
