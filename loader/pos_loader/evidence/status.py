"""What is published now: layout, distribution, a sample, the last loads, and how to open it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bson import json_util

from pos_loader.collection import Collection
from pos_loader.console import shares
from pos_loader.errors import DataError, LoaderError, SpecError
from pos_loader.evidence import audit
from pos_loader.masking import masked_address
from pos_loader.publish import layout, records
from pos_loader.servers import mongo
from pos_loader.servers.profile import MariaDB
from pos_loader.settings import Settings

HEADS = (
    *("collection", "published", "shard key", "documents", "per shard", "MB", "indexes"),
    *("not nested", "dbt build"),
)
LOAD_HEADS = ("last loads (UTC)", "status", "seconds", "changes", "load", "dbt invocation", "error")
LOADS = 10
"""How many are shown."""


@dataclass(frozen=True)
class Published:
    """One declared collection as MongoDB has it; `live` is None where there is none.

    `fault` says why it cannot be looked at; `origin` which load published it, where the audit tables know.
    A collection that is `foreign` has the name, and the loader did not publish it.
    """

    collection: Collection
    live: layout.Live | None
    shards: Mapping[str, layout.Share]
    sample: Mapping[str, Any] | None
    fault: str = ""
    origin: audit.Origin | None = None
    foreign: bool = False


def look_at_all(
    client: mongo.Client, collections: Sequence[Collection], origins: audit.Origins
) -> list[Published]:
    """Look at every collection; what is wrong with one is its `fault`. Raises where MongoDB stays away."""
    found = []
    for each in collections:
        try:
            seen = look(client, each)
            origin = origins.get((each.name, f"{each.database}.{each.collection}"))
            foreign = seen.live is not None and _is_foreign(client, each, seen.live, origin)
            found.append(replace(seen, origin=None if foreign else origin, foreign=foreign))
        except (SpecError, DataError) as error:
            found.append(Published(each, None, {}, None, fault=str(error)))
    return found


def _is_foreign(
    client: mongo.Client, collection: Collection, live: layout.Live, origin: audit.Origin | None
) -> bool:
    """Whether a load would refuse a collection as somebody's; without records, the audit tables decide."""
    database, namespace = client[collection.database], f"{collection.database}.{collection.collection}"
    if records.find(database, namespace, live.uuid) is not None:
        return False
    return origin is None or bool(records.others(database, namespace))


def look(client: mongo.Client, collection: Collection) -> Published:
    """Look at one collection; the sample is the first document whose arrays all hold something."""
    handle = client[collection.database][collection.collection]
    with mongo.translated(client, f"look at {collection.database}.{collection.collection}"):
        live = layout.describe(handle)
        if live is None:
            return Published(collection, None, {}, None)
        filled = {f"{child.name}.0": {"$exists": True} for child in collection.document.children}
        sample = handle.find_one(filled, sort=[("_id", 1)]) or handle.find_one()
        return Published(collection, live, layout.shares(handle), sample)


def row(each: Published) -> tuple[str, ...]:
    """Spell one collection as a table row under `HEADS`."""
    name = f"{each.collection.database}.{each.collection.collection}"
    if each.live is None:
        return (name, "?" if each.fault else "no", "", "", "", "", "", "", each.fault)
    key = ", ".join(f"{path}: {kind}" for path, kind in each.live.shard_key) or "unsharded"
    documents = sum(share.documents for share in each.shards.values())
    size = sum(share.bytes for share in each.shards.values())
    indexes = ", ".join(sorted(each.live.indexes))
    unknown = "" if each.foreign else "unknown"
    origin = (each.origin.not_nested, each.origin.dbt_invocation) if each.origin else ("", unknown)
    is_ours = "no, not by this loader" if each.foreign else "yes"
    return (name, is_ours, key, f"{documents:,}", shares(each.shards), f"{size / 1e6:.2f}", indexes, *origin)


def faulty_row(name: str, error: LoaderError) -> tuple[str, ...]:
    """Spell a collection whose declaration is faulty, as a table row under `HEADS`."""
    return (name, "?", "", "", "", "", "", "", str(error))


def as_json(each: Published, *, sample: bool) -> dict[str, Any]:
    """Spell one collection as JSON values; the sample as relaxed extended JSON."""
    found: dict[str, Any] = {
        "name": each.collection.name,
        "namespace": f"{each.collection.database}.{each.collection.collection}",
        "published": each.live is not None and not each.foreign,
        "foreign": each.foreign,
        "fault": each.fault,
        "dbt_invocation": each.origin.dbt_invocation if each.origin else "",
        "loaded_at": f"{each.origin.finished_at:%Y-%m-%dT%H:%M:%S}Z" if each.origin else "",
        "not_nested": each.origin.not_nested if each.origin else "",
        "shard_key": dict(each.live.shard_key) if each.live else {},
        "indexes": sorted(each.live.indexes) if each.live else [],
        "shards": {shard: asdict(share) for shard, share in each.shards.items()},
    }
    if sample:
        found["sample"] = json.loads(_extended(each.sample))
    return found


def origins(server: MariaDB) -> tuple[audit.Origins, str]:
    """Which load published each collection, or why that is not known."""
    try:
        return audit.origins(server), ""
    except LoaderError as error:
        return {}, f"of which build each collection is, is not known: {error}"


def last_loads(server: MariaDB) -> tuple[tuple[audit.Run, ...], str]:
    """The last loads, the newest first, or why they are not known."""
    try:
        return audit.last_runs(server, limit=LOADS), ""
    except LoaderError as error:
        return (), f"the last loads are not known: {error}"


def load_row(run: audit.Run) -> tuple[str, ...]:
    """Spell one load as a table row under `LOAD_HEADS`."""
    return (
        f"{run.started_at:%Y-%m-%d %H:%M:%S}",
        run.status,
        "" if run.seconds is None else f"{run.seconds:.1f}",
        ", ".join(_load_part(each) for each in run.collections),
        run.load_id,
        run.dbt_invocation,
        run.error or "",
    )


def _load_part(part: Mapping[str, Any]) -> str:
    if part["documents"] is None:
        return f"{part['collection']} {part['mode']}"
    return f"{part['collection']} +{part['inserted']:,} ~{part['replaced']:,} -{part['deleted']:,}"


def sample_text(each: Published) -> str:
    """One document as extended JSON, arrays cut to their first item so that it can be read."""
    name = f"{each.collection.database}.{each.collection.collection}"
    return f"\none document of {name}, arrays cut to one item:\n{_extended(_cut(each.sample))}"


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        return [_cut(item) for item in value[:1]]
    return {name: _cut(item) for name, item in value.items()} if isinstance(value, dict) else value


def _extended(document: Any) -> str:
    return json_util.dumps(
        document, json_options=json_util.RELAXED_JSON_OPTIONS, indent=2, ensure_ascii=False
    )


def how_to_open(settings: Settings, collections: Sequence[Collection]) -> Iterator[str]:
    """Lines to open the collections with mongosh and with Python."""
    uri = masked_address(settings.mongo_uri.get_secret_value())
    yield ""
    yield f'open:   mongosh "{uri}"'
    for each in collections[:1]:
        name = each.collection
        place = f".{name}" if name.isidentifier() else f".getCollection({json.dumps(name)})"
        yield f"        db.getSiblingDB('{each.database}'){place}.findOne()"
        yield "python: from pymongo import MongoClient"
        yield f"        MongoClient({uri!r})[{each.database!r}][{each.collection!r}].find_one()"
