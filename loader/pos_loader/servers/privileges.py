"""What the connected MongoDB user may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from pos_loader.servers.mongo import Client, Database, translated

DATABASE_ACTIONS = (
    *("find", "insert", "update", "remove", "createCollection", "createIndex", "collStats"),
    *("listCollections", "listIndexes", "dropCollection", "renameCollectionSameDB", "dropIndex", "collMod"),
)
BYPASS_VALIDATION = "bypassDocumentValidation"
SHARDING_ACTIONS = ("enableSharding", "splitChunk", "moveChunk")


@lru_cache(maxsize=8)
def may_bypass_validation(database: Database) -> bool:
    """Whether the connected user may insert documents without validation."""
    with translated(database.client, "read our privileges"):
        info = database.client.admin.command("connectionStatus", showPrivileges=True)["authInfo"]
    granted = _granted(info["authenticatedUserPrivileges"], database.name)
    return not info["authenticatedUsers"] or not granted.isdisjoint(("anyAction", BYPASS_VALIDATION))


def missing_actions(client: Client, database: str, *, sharded: bool) -> list[str]:
    """Name the needed actions that the user lacks on `database`; none where access control is off."""
    with translated(client, "read our privileges"):
        info = client.admin.command("connectionStatus", showPrivileges=True)["authInfo"]
    if not info["authenticatedUsers"]:
        return []
    return lacking(info["authenticatedUserPrivileges"], database, sharded=sharded)


def lacking(privileges: Iterable[Mapping[str, Any]], database: str, *, sharded: bool) -> list[str]:
    """Name the needed actions that no privilege grants on every collection of `database`."""
    granted = _granted(privileges, database)
    if "anyAction" in granted:
        return []
    needed = [*DATABASE_ACTIONS, *(SHARDING_ACTIONS if sharded else ())]
    return [action for action in needed if action not in granted]


def _granted(privileges: Iterable[Mapping[str, Any]], database: str) -> set[str]:
    """List the actions granted on every collection of `database`."""
    granted: set[str] = set()
    for privilege in privileges:
        resource = privilege["resource"]
        whole_database = resource.get("db") in ("", database) and resource.get("collection") == ""
        if whole_database or resource.get("anyResource"):
            granted.update(privilege["actions"])
    return granted
