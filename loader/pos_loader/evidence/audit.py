"""Audit tables in the marts' schema: one row per load, and one row per collection of the load.

A load has a row from its first step on ("running"), so the tables also show a load that was killed. Rows of
collections are written before the load's last status, so a load that has ended has all of them. Times are
UTC.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import datetime

from pos_loader.errors import SpecError, TableReplaced
from pos_loader.load_results import FAILED, REFUSED, CollectionOutcome, Outcome
from pos_loader.publish.history import COLLECTIONS, RUNS, columns_of
from pos_loader.servers import mariadb
from pos_loader.servers.mariadb import Queries, quote
from pos_loader.servers.profile import MariaDB

ERROR_LENGTH = 2000

_TABLES = {
    RUNS: """
        load_id varchar(64) not null,
        command varchar(20) not null,
        status varchar(20) not null,
        exit_code int,
        error varchar(2000),
        started_at datetime(3) not null,
        finished_at datetime(3),
        seconds decimal(12, 3),
        dbt_invocation varchar(64) not null,
        loader_version varchar(40) not null,
        host varchar(255) not null,
        primary key (load_id),
        key (started_at)
    """,
    COLLECTIONS: """
        load_id varchar(64) not null,
        collection varchar(255) not null,
        namespace varchar(400) not null,
        mode varchar(20) not null,
        documents bigint,
        bytes bigint,
        inserted bigint,
        replaced bigint,
        deleted bigint,
        unchanged bigint,
        refused varchar(2000),
        seconds decimal(12, 3),
        finished_at datetime(3) not null,
        primary key (load_id, collection),
        key (collection, finished_at)
    """,
}
_LATER = {
    "collection_uuid": "varchar(36)",
    "error": "varchar(2000)",
    "unknown_rows": "bigint",
    "left_out_rows": "bigint",
    "rejected_rows": "bigint",
    "not_nested": "varchar(2000)",
    "moment_mode": "varchar(10)",
    "moment_gtid": "text",
    "moment_at": "datetime(6)",
}
"""Columns of `COLLECTIONS` that tables of earlier versions lack."""


def record(server: MariaDB, outcome: Outcome) -> None:
    """Write or update the rows of a load, and make the tables if they are missing.

    Raises `LoaderError` where MariaDB refuses it.
    """
    with mariadb.connect(server, purpose="write the audit tables") as queries:
        try:
            _record(queries, server.schema, outcome)
        except (TableReplaced, SpecError):  # no such table, or no such column
            _make_tables(queries, server.schema)
            _record(queries, server.schema, outcome)


def _make_tables(queries: Queries, schema: str) -> None:
    """Make the tables, or add missing columns; tables of other programs with these names stay as they are."""
    for name, columns in _TABLES.items():
        queries.execute(
            f"create table if not exists {quote(schema)}.{name} ({columns}) "
            "engine = innodb character set utf8mb4 collate utf8mb4_unicode_ci"
        )
    if {"load_id", "namespace", "mode"} <= columns_of(queries, schema, COLLECTIONS):
        added = ", ".join(f"add column if not exists {name} {kind}" for name, kind in _LATER.items())
        queries.execute(f"alter table {quote(schema)}.{COLLECTIONS} {added}")


def _record(queries: Queries, schema: str, outcome: Outcome) -> None:
    for collection in outcome.collections:
        _put(queries, schema, COLLECTIONS, _collection_row(outcome, collection))
    _put(queries, schema, RUNS, _run_row(outcome))


def _put(queries: Queries, schema: str, table: str, row: Mapping[str, object]) -> None:
    names, values = ", ".join(row), ", ".join(["%s"] * len(row))
    renewed = ", ".join(f"{name} = values({name})" for name in row)
    queries.execute(
        f"insert into {quote(schema)}.{table} ({names}) values ({values}) on duplicate key update {renewed}",  # noqa: S608
        tuple(row.values()),
    )


def _run_row(outcome: Outcome) -> dict[str, object]:
    ended = bool(outcome.finished_at)
    return {
        "load_id": outcome.load_id,
        "command": outcome.command,
        "status": outcome.status,
        "exit_code": outcome.exit_code if ended else None,
        "error": outcome.error[:ERROR_LENGTH] or None,
        "started_at": _time(outcome.started_at),
        "finished_at": _time(outcome.finished_at) if ended else None,
        "seconds": outcome.seconds if ended else None,
        "dbt_invocation": outcome.dbt_invocation,
        "loader_version": outcome.loader_version,
        "host": socket.gethostname(),
    }


def _collection_row(outcome: Outcome, collection: CollectionOutcome) -> dict[str, object]:
    names = ("documents", "bytes", "inserted", "replaced", "deleted", "unchanged")
    moment = collection.moment
    known = collection.mode not in (REFUSED, FAILED)
    return {
        "load_id": outcome.load_id,
        "collection": collection.name,
        "namespace": collection.namespace,
        "mode": collection.mode,
        **{name: getattr(collection, name) if known else None for name in names},
        "refused": collection.refused[:ERROR_LENGTH] or None,
        "error": collection.error[:ERROR_LENGTH] or None,
        "unknown_rows": sum(level.unknown for level in collection.levels) if known else None,
        "left_out_rows": sum(level.left_out for level in collection.levels) if known else None,
        "rejected_rows": sum(level.rejected for level in collection.levels) if known else None,
        "not_nested": "; ".join(
            f"{level.model}: {level.not_nested}" for level in collection.levels if level.not_nested
        )[:ERROR_LENGTH]
        or None,
        "collection_uuid": collection.uuid or None,
        "moment_mode": moment.mode if moment else None,
        "moment_gtid": moment.gtid if moment else None,
        "moment_at": _time(moment.at) if moment and moment.at else None,
        "seconds": sum(collection.seconds.values()) if known else None,
        "finished_at": _time(outcome.finished_at),
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
