"""The last publication of a collection, as the audit tables in the marts' schema have it."""

from __future__ import annotations

from dataclasses import dataclass

from pos_loader.servers import mariadb
from pos_loader.servers.mariadb import Queries, quote
from pos_loader.servers.profile import MariaDB

COLLECTIONS = "pos_loader_collections"
PUBLISHED = "('full refresh', 'sync')"
"""The modes of an audit row that tell of a publication, as SQL."""


@dataclass(frozen=True)
class Entry:
    """The last publication of a collection; `uuid` is empty where an earlier version published it."""

    load_id: str
    uuid: str


def columns_of(queries: Queries, schema: str, table: str) -> set[str]:
    """Read the names of a table's columns; empty where there is no such table."""
    rows = queries.rows(
        "select column_name from information_schema.columns where table_schema = %s and table_name = %s",
        (schema, table),
    )
    return {str(name) for (name,) in rows}


def last_published(server: MariaDB, namespace: str) -> Entry | None:
    """Read the last publication of `database.collection`; none where no load is known to have published it.

    Raises `ConnectionFailed` where MariaDB is away.
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
