"""The published collections and the last loads as rows of text, for `pos-loader status`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bson import json_util

from pos_loader.collection import Collection
from pos_loader.errors import LoaderError
from pos_loader.masking import masked_address
from pos_loader.publish.history import Run
from pos_loader.publish.published import Published
from pos_loader.settings import Settings
from pos_loader.tables import shares

HEADS = (
    *("collection", "published", "shard key", "documents", "per shard", "MB", "indexes"),
    *("not nested", "dbt build", "the shop as of"),
)
LOAD_HEADS = ("last loads (UTC)", "status", "seconds", "changes", "load", "dbt invocation", "error")


def row(published: Published) -> tuple[str, ...]:
    """Spell one collection as a table row under `HEADS`."""
    name = f"{published.collection.database}.{published.collection.collection}"
    if published.live is None:
        return (name, "?" if published.fault else "no", "", "", "", "", "", "", published.fault, "")
    key = ", ".join(f"{path}: {kind}" for path, kind in published.live.shard_key) or "unsharded"
    documents = sum(share.documents for share in published.shards.values())
    size = sum(share.bytes for share in published.shards.values())
    indexes = ", ".join(sorted(published.live.indexes))
    unknown = "" if published.foreign else "unknown"
    origin: tuple[str, ...] = ("", unknown, "")
    if published.origin:
        found = published.origin
        origin = (found.not_nested, found.dbt_invocation, str(found.moment or ""))
    is_ours = "no, not by this loader" if published.foreign else "yes"
    return (
        name,
        is_ours,
        key,
        f"{documents:,}",
        shares(published.shards),
        f"{size / 1e6:.2f}",
        indexes,
        *origin,
    )


def faulty_row(name: str, error: LoaderError) -> tuple[str, ...]:
    """Spell a collection whose declaration is faulty, as a table row under `HEADS`."""
    return (name, "?", "", "", "", "", "", "", str(error), "")


def as_json(published: Published, *, sample: bool) -> dict[str, Any]:
    """Spell one collection as JSON values, its sample as relaxed extended JSON."""
    found: dict[str, Any] = {
        "name": published.collection.name,
        "namespace": f"{published.collection.database}.{published.collection.collection}",
        "published": published.live is not None and not published.foreign,
        "foreign": published.foreign,
        "fault": published.fault,
        "dbt_invocation": published.origin.dbt_invocation if published.origin else "",
        "loaded_at": f"{published.origin.finished_at:%Y-%m-%dT%H:%M:%S}Z" if published.origin else "",
        "moment": asdict(published.origin.moment) if published.origin and published.origin.moment else None,
        "not_nested": published.origin.not_nested if published.origin else "",
        "shard_key": dict(published.live.shard_key) if published.live else {},
        "indexes": sorted(published.live.indexes) if published.live else [],
        "shards": {shard: asdict(share) for shard, share in published.shards.items()},
    }
    if sample:
        found["sample"] = json.loads(_extended(published.sample))
    return found


def load_row(run: Run) -> tuple[str, ...]:
    """Spell one load as a table row under `LOAD_HEADS`."""
    return (
        f"{run.started_at:%Y-%m-%d %H:%M:%S}",
        run.status,
        "" if run.seconds is None else f"{run.seconds:.1f}",
        ", ".join(_load_part(collection) for collection in run.collections),
        run.load_id,
        run.dbt_invocation,
        run.error or "",
    )


def _load_part(part: Mapping[str, Any]) -> str:
    if part["documents"] is None:
        return f"{part['collection']} {part['mode']}"
    return f"{part['collection']} +{part['inserted']:,} ~{part['replaced']:,} -{part['deleted']:,}"


def sample_text(published: Published) -> str:
    """Spell one document as extended JSON; arrays are cut to one item, which is easier to read."""
    name = f"{published.collection.database}.{published.collection.collection}"
    return f"\none document of {name}, arrays cut to one item:\n{_extended(_cut(published.sample))}"


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        return [_cut(item) for item in value[:1]]
    return {name: _cut(item) for name, item in value.items()} if isinstance(value, dict) else value


def _extended(document: Any) -> str:
    return json_util.dumps(
        document, json_options=json_util.RELAXED_JSON_OPTIONS, indent=2, ensure_ascii=False
    )


def how_to_open(settings: Settings, collections: Sequence[Collection]) -> Iterator[str]:
    """Yield the lines that open the collections with mongosh and with Python."""
    uri = masked_address(settings.mongo_uri.get_secret_value())
    yield ""
    yield f'open:   mongosh "{uri}"'
    for collection in collections[:1]:
        name = collection.collection
        accessor = f".{name}" if name.isidentifier() else f".getCollection({json.dumps(name)})"
        yield f"        db.getSiblingDB('{collection.database}'){accessor}.findOne()"
        yield "python: from pymongo import MongoClient"
        yield f"        MongoClient({uri!r})[{collection.database!r}][{collection.collection!r}].find_one()"
