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
    *("not nested", "dbt build"),
)
LOAD_HEADS = ("last loads (UTC)", "status", "seconds", "changes", "load", "dbt invocation", "error")


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
    """Spell one collection as JSON values, its sample as relaxed extended JSON."""
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


def load_row(run: Run) -> tuple[str, ...]:
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
    """Spell one document as extended JSON; arrays are cut to one item, which is easier to read."""
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
    """Yield the lines that open the collections with mongosh and with Python."""
    uri = masked_address(settings.mongo_uri.get_secret_value())
    yield ""
    yield f'open:   mongosh "{uri}"'
    for each in collections[:1]:
        name = each.collection
        place = f".{name}" if name.isidentifier() else f".getCollection({json.dumps(name)})"
        yield f"        db.getSiblingDB('{each.database}'){place}.findOne()"
        yield "python: from pymongo import MongoClient"
        yield f"        MongoClient({uri!r})[{each.database!r}][{each.collection!r}].find_one()"
