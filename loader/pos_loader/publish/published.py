"""Finds out what is published now: the declared collections as MongoDB has them, and the last loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pos_loader.collection import Collection
from pos_loader.errors import DataError, LoaderError, SpecError
from pos_loader.publish import history, live_layout, records
from pos_loader.servers import mongo
from pos_loader.servers.profile import MariaDB

LOADS = 10
"""How many of the last loads are read."""


@dataclass(frozen=True)
class Published:
    """One declared collection as MongoDB has it; `live` is None where it does not exist.

    `fault` says why it cannot be described. `origin` is the load that published it, where the audit tables
    know. A `foreign` collection has the name, but the loader did not publish it.
    """

    collection: Collection
    live: live_layout.Live | None
    shards: Mapping[str, live_layout.Share]
    sample: Mapping[str, Any] | None
    fault: str = ""
    origin: history.Origin | None = None
    foreign: bool = False


def look_at_all(
    client: mongo.Client, collections: Sequence[Collection], origins: history.Origins
) -> list[Published]:
    """Look at every collection. An error of one collection becomes its `fault`.

    Raises `ConnectionFailed` when MongoDB stays away.
    """
    found = []
    for collection in collections:
        try:
            seen = look(client, collection)
            origin = origins.get((collection.name, f"{collection.database}.{collection.collection}"))
            foreign = seen.live is not None and _is_foreign(client, collection, seen.live, origin)
            found.append(replace(seen, origin=None if foreign else origin, foreign=foreign))
        except (SpecError, DataError) as error:
            found.append(Published(collection, None, {}, None, fault=str(error)))
    return found


def _is_foreign(
    client: mongo.Client, collection: Collection, live: live_layout.Live, origin: history.Origin | None
) -> bool:
    """Whether a load would refuse a collection as foreign. Without records the audit tables decide."""
    database, namespace = client[collection.database], f"{collection.database}.{collection.collection}"
    if records.find(database, namespace, live.uuid) is not None:
        return False
    return origin is None or bool(records.others(database, namespace))


def look(client: mongo.Client, collection: Collection) -> Published:
    """Look at one collection. The sample is the first document whose arrays are all filled, or any other."""
    handle = client[collection.database][collection.collection]
    with mongo.translated(client, f"look at {collection.database}.{collection.collection}"):
        live = live_layout.describe(handle)
        if live is None:
            return Published(collection, None, {}, None)
        filled = {f"{child.name}.0": {"$exists": True} for child in collection.document.children}
        sample = handle.find_one(filled, sort=[("_id", 1)]) or handle.find_one()
        return Published(collection, live, live_layout.shares(handle), sample)


def origins(server: MariaDB) -> tuple[history.Origins, str]:
    """Read which load published each collection, or say why that is not known."""
    try:
        return history.origins(server), ""
    except LoaderError as error:
        return {}, f"of which build each collection is, is not known: {error}"


def last_loads(server: MariaDB) -> tuple[tuple[history.Run, ...], str]:
    """Read the last loads, the newest first, or say why they are not known."""
    try:
        return history.last_runs(server, limit=LOADS), ""
    except LoaderError as error:
        return (), f"the last loads are not known: {error}"
