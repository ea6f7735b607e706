"""Describes the layout of a live collection, compares it with the declared one, and amends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bson.binary import Binary
from pymongo.errors import OperationFailure, PyMongoError

from pos_loader.collection import Collection, Index
from pos_loader.declaration.validator import validator
from pos_loader.errors import DataError
from pos_loader.publish import zones
from pos_loader.publish.layout import RULES, specification
from pos_loader.servers.mongo import Handle, bounded, create_indexes, retrying, translated

INDEX_NOT_FOUND = 27
REBUILT = ("collation", "capped")
"""Options that no published collection has."""
INDEX_DEFAULTS: Mapping[str, object] = {"unique": False, "sparse": False}
INDEX_OPTIONS = ("unique", "sparse", "partialFilterExpression", "collation", "expireAfterSeconds")


@dataclass(frozen=True)
class Live:
    """The layout of an existing collection; `shard_key` is empty where it is not sharded."""

    shard_key: tuple[tuple[str, int | str], ...]
    indexes: Mapping[str, Mapping[str, Any]]
    """What listIndexes shows, by name, without the index on `_id`."""
    validator: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """The other options: validationLevel, validationAction, collation, capped."""
    uuid: Binary | None = None
    zones: tuple[zones.Range, ...] = ()


@dataclass(frozen=True)
class Share:
    """How many documents and uncompressed bytes of a collection one shard holds, without orphans."""

    documents: int
    bytes: int


def describe(handle: Handle) -> Live | None:
    """Read the layout of a live collection; None where it does not exist. Raises DataError for a view."""
    client, name = handle.database.client, handle.name
    with translated(client, f"describe {handle.full_name}"):
        found = next(handle.database.list_collections(filter={"name": name}), None)
        if found is None:
            return None
        if found["type"] != "collection":
            raise DataError(f"{handle.full_name} is a {found['type']}", fix="publish under another name")
        sharding = _sharding(handle) if client.is_mongos else {}
        ranges = zones.live(handle) if sharding else ()
        indexes = {index["name"]: dict(index) for index in handle.list_indexes() if index["name"] != "_id_"}
    options = dict(found["options"])
    return Live(
        shard_key=tuple(sharding.items()),
        indexes=indexes,
        validator=options.pop("validator", {}),
        options=options,
        uuid=found["info"].get("uuid"),
        zones=ranges,
    )


def _sharding(handle: Handle) -> Mapping[str, Any]:
    entry = handle.database.client["config"]["collections"].find_one({"_id": handle.full_name}) or {}
    # MongoDB 8.0 lists unsharded collections here too.
    key: Mapping[str, Any] = {} if entry.get("unsplittable") else entry.get("key", {})
    return key


@dataclass(frozen=True)
class Changes:
    """What must change so that a live collection has the declared layout.

    `rebuild` lists differences that only a rebuild can remove. `drop` and `create` are indexes; an index that
    differs is in both. `validator` and `zones` say whether the validator and the zone ranges have to be set.
    """

    rebuild: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    create: tuple[Index, ...] = ()
    validator: bool = False
    zones: bool = False

    def __bool__(self) -> bool:
        """Whether there is anything to change."""
        return bool(self.rebuild or self.drop or self.create or self.validator or self.zones)


def changes(collection: Collection, live: Live, *, is_cluster: bool = True) -> Changes:
    """Compare the layout of a live collection with the declared one."""
    differing = [
        index for index in collection.indexes if index_differences(index, live.indexes.get(index.name))
    ]
    stale = [index.name for index in differing if index.name in live.indexes]
    return Changes(
        rebuild=tuple(_rebuild_reasons(collection, live, is_cluster)),
        drop=tuple(_undeclared(collection, live) + stale),
        create=tuple(differing),
        validator=bool(_validator_differences(collection, live)),
        zones=bool(_zone_differences(collection, live)),
    )


def amend(handle: Handle, collection: Collection, pending: Changes) -> None:
    """Give a live collection the declared indexes, validator and zones; `pending.rebuild` must be empty.

    Raises DataError when the server refuses, for example because documents break a new unique index. Then the
    old indexes are restored on all shards, because one shard may have built what another refused.
    """
    doing = f"change the layout of {handle.full_name}"
    with translated(handle.database.client, doing, is_work=True):
        with bounded(handle.database.client, doing):
            before = retrying()(lambda: {index["name"]: dict(index) for index in handle.list_indexes()})
        try:
            retrying()(_amend, handle, collection, pending)
        except OperationFailure:
            with suppress(PyMongoError):  # the user needs to see the refusal, not an error of the restore
                retrying()(_restore, handle, before, pending)
            raise
    if pending.zones:
        zones.amend(handle, zones.declared(collection))


def _amend(handle: Handle, collection: Collection, pending: Changes) -> None:
    _drop(handle, pending.drop)
    for index in pending.create:
        create_indexes(handle, [specification(index)])
    if pending.validator:
        with bounded(handle.database.client, f"change the validator of {handle.full_name}"):
            handle.database.command({"collMod": handle.name, "validator": validator(collection), **RULES})


def _restore(handle: Handle, before: Mapping[str, Mapping[str, Any]], pending: Changes) -> None:
    _drop(handle, [index.name for index in pending.create])
    dropped = [before[name] for name in pending.drop if name in before]
    if dropped:
        create_indexes(handle, dropped)


def _drop(handle: Handle, names: Sequence[str]) -> None:
    """Drop indexes on every shard. An earlier attempt may have dropped some of them already."""
    for name in names:
        try:
            with bounded(handle.database.client, f"drop index {name} of {handle.full_name}"):
                handle.drop_index(name)
        except OperationFailure as error:
            if error.code != INDEX_NOT_FOUND:
                raise


def differences(collection: Collection, live: Live, *, is_cluster: bool = True) -> list[str]:
    """List how a live collection's layout differs from the declared one; empty where it does not."""
    found = _rebuild_reasons(collection, live, is_cluster)
    for index in collection.indexes:
        found += index_differences(index, live.indexes.get(index.name))
    found += [f"index {name} is not declared" for name in _undeclared(collection, live)]
    return found + _validator_differences(collection, live) + _zone_differences(collection, live)


def _rebuild_reasons(collection: Collection, live: Live, is_cluster: bool) -> list[str]:
    declared_key = collection.shard_key if is_cluster else ()
    found = [f"collection has {option}" for option in REBUILT if live.options.get(option)]
    if live.shard_key != declared_key:
        found.append(f"shard key is {_shown(live.shard_key)}, declared {_shown(declared_key)}")
    return found


def _undeclared(collection: Collection, live: Live) -> list[str]:
    declared = {index.name for index in collection.indexes}
    return [
        name
        for name, spec in live.indexes.items()
        if name not in declared and not serves_shard_key(spec, live.shard_key)
    ]


def serves_shard_key(spec: Mapping[str, Any], shard_key: tuple[tuple[str, int | str], ...]) -> bool:
    """Whether an index is the one that the server makes for the shard key."""
    return tuple(spec["key"].items()) == shard_key and not any(spec.get(option) for option in INDEX_OPTIONS)


def is_made(index: Index, spec: Mapping[str, Any] | None) -> bool:
    """Whether a live index is exactly the declared `index`; `spec` is None where it is missing."""
    return not index_differences(index, spec)


def excludes(index: Index, spec: Mapping[str, Any]) -> bool:
    """Whether MongoDB refuses `index` beside the live index `spec`: they are equal, or both are of text."""
    keys = tuple(spec["key"].items())
    if "text" in dict(keys).values():
        return "text" in dict(index.keys).values()
    return keys == index.keys and not _option_differences(index, spec)


def _validator_differences(collection: Collection, live: Live) -> list[str]:
    found = []
    if live.validator != validator(collection):
        found.append("validator differs" if live.validator else "there is no validator")
    for option, expected in RULES.items():
        if live.validator and live.options.get(option, expected) != expected:
            found.append(f"{option} is {live.options[option]}, expected {expected}")
    return found


def _zone_differences(collection: Collection, live: Live) -> list[str]:
    if collection.zones is None or not live.shard_key:
        return []
    declared = zones.declared(collection)
    found = [f"{each} is missing" for each in zones.without(declared, live.zones)]
    return found + [f"{each} is not declared" for each in zones.without(live.zones, declared)]


def index_differences(index: Index, spec: Mapping[str, Any] | None) -> list[str]:
    """List how a live index differs from the declared one; `spec` is None where it is missing."""
    if spec is None:
        return [f"index {index.name} is missing"]
    found = []
    keys = tuple(spec["key"].items())
    if keys != index.keys and "text" not in dict(index.keys).values():
        found.append(f"index {index.name} is on {_shown(keys)}, declared {_shown(index.keys)}")
    return found + _option_differences(index, spec)


def _option_differences(index: Index, spec: Mapping[str, Any]) -> list[str]:
    found = []
    options: dict[str, Any] = {**INDEX_DEFAULTS, **index.options}
    for option in INDEX_OPTIONS:
        declared, there = options.get(option), spec.get(option, INDEX_DEFAULTS.get(option))
        if isinstance(declared, Mapping) and isinstance(there, Mapping) and option == "collation":
            there = {name: there.get(name) for name in declared}  # the server fills in the defaults
        if declared != there:
            found.append(f"index {index.name} has {option} {there}, declared {declared}")
    return found


def _shown(key: tuple[tuple[str, int | str], ...]) -> str:
    return ", ".join(f"{path}: {kind}" for path, kind in key) or "none"


def shares(handle: Handle) -> dict[str, Share]:
    """Read what each shard holds, by its name. A server outside of a cluster is called "unsharded".

    The figures come from storage statistics, which are cheap at any size. `verify` counts exactly.
    """
    with translated(handle.database.client, f"read the distribution of {handle.full_name}"):
        rows = list(handle.aggregate([{"$collStats": {"storageStats": {}}}]))
    found = {}
    for row in rows:
        stats = row["storageStats"]
        orphans, count = stats.get("numOrphanDocs", 0), stats["count"]
        size = stats["size"] if not orphans else round(stats["size"] * (count - orphans) / count)
        found[row.get("shard", "unsharded")] = Share(documents=count - orphans, bytes=size)
    return found
