"""The layout of a collection in MongoDB: made empty for a build, described and compared when it is live.

A build is made in this order: collection with validator, the indexes that must be there before a document,
sharding, chunks. A declared index that begins with the shard key then serves it under its own name; chunks
are split and moved while they are empty, which copies nothing. All other indexes come after the documents:
sorted once, a multikey index costs a quarter of what it does document by document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from bson.binary import Binary
from bson.min_key import MinKey
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.operations import IndexModel

from pos_loader.collection import BsonType, Collection, Index
from pos_loader.declaration.validator import validator
from pos_loader.errors import DataError
from pos_loader.servers.mongo import Client, Database, Handle, Topology, retrying, translated

INDEX_NOT_FOUND, NAMESPACE_EXISTS, INVALID_OPTIONS, UNKNOWN_FIELD = 27, 48, 72, 40415
RULES: Mapping[str, str] = {"validationLevel": "strict", "validationAction": "error"}
REBUILT = ("collation", "capped")
"""Options that no published collection has."""
WAITING_OPTIONS = frozenset(("name", "sparse"))
INDEX_DEFAULTS: Mapping[str, object] = {"unique": False, "sparse": False}
INDEX_OPTIONS = ("unique", "sparse", "partialFilterExpression", "collation", "expireAfterSeconds")


@dataclass(frozen=True)
class Live:
    """The layout an existing collection has; `shard_key` is empty when it is not sharded."""

    shard_key: tuple[tuple[str, int | str], ...]
    indexes: Mapping[str, Mapping[str, Any]]
    """By name: what listIndexes shows, without the one on `_id`."""
    validator: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """The other options: validationLevel, validationAction, collation, capped."""
    uuid: Binary | None = None


@dataclass(frozen=True)
class Share:
    """What one shard holds of a collection, orphans left out: documents and uncompressed bytes."""

    documents: int
    bytes: int


def create(
    client: Client,
    collection: Collection,
    name: str,
    *,
    topology: Topology,
    split_points: Sequence[tuple[object, ...]] = (),
) -> Handle:
    """Make the empty collection `name` as declared and return its handle; `complete` it when it is filled.

    `split_points` are the lower bounds of all chunks but the first, one value per shard key field, later
    fields may be left off; only a shard key that begins with 1 uses them. On a server that is no cluster
    the collection is made unsharded. Raises DataError when the server refuses the declaration.
    """
    database = client[collection.database]
    with translated(client, f"create {collection.database}.{name}", fix="change the declaration"):
        _create(database, collection, name)
        if topology.is_cluster and collection.shard_key:
            _shard(client, collection, name, topology)
            if collection.shard_key[0][1] != "hashed":
                _split(client, collection, name, topology, split_points)
    return database[name]


def _create(database: Database, collection: Collection, name: str) -> None:
    rules = {"validator": validator(collection), **RULES}
    for attempt in retrying():
        with attempt:
            try:
                database.command({"create": name, **rules})
            except OperationFailure as error:
                if error.code != NAMESPACE_EXISTS or attempt.retry_state.attempt_number == 1:
                    raise
    _build(database[name], [each for each in collection.indexes if not _can_wait(each, collection)])


def complete(handle: Handle, collection: Collection) -> None:
    """Build the indexes that could wait for the documents; doing it twice is doing it once.

    Raises DataError when the server refuses.
    """
    with translated(handle.database.client, f"index {handle.full_name}", fix="change the declaration"):
        _build(handle, [each for each in collection.indexes if _can_wait(each, collection)])


def _can_wait(index: Index, collection: Collection) -> bool:
    """Whether the server surely takes this index, no document is refused for it, no shard key needs it."""
    leads_shard_key = collection.shard_key and index.keys[0][0] == collection.shard_key[0][0]
    json = {
        field.name
        for level in collection.root.walk()
        for field in level.fields
        if field.type is BsonType.JSON
    }
    return (
        not leads_shard_key
        and WAITING_OPTIONS.issuperset(index.options)
        and all(kind in (1, -1) and json.isdisjoint(path.split(".")) for path, kind in index.keys)
    )


def _build(handle: Handle, indexes: Sequence[Index]) -> None:
    for attempt in retrying():
        with attempt:
            if indexes:
                handle.create_indexes([_model(each) for each in indexes])


def _model(index: Index) -> IndexModel:
    return IndexModel(list(index.keys), **{**index.options, "name": index.name})


def _shard(client: Client, collection: Collection, name: str, topology: Topology) -> None:
    command = {"shardCollection": f"{collection.database}.{name}", "key": dict(collection.shard_key)}
    chunks = collection.chunks or 2 * len(topology.shards)
    hashed_first = collection.shard_key[0][1] == "hashed"
    wishes = {"numInitialChunks": chunks} if hashed_first and chunks else {}
    for attempt in retrying():
        with attempt:
            try:
                client.admin.command({**command, **wishes})
            except OperationFailure as error:
                # Newer servers choose the number themselves.
                if not wishes or error.code not in (INVALID_OPTIONS, UNKNOWN_FIELD):
                    raise
                client.admin.command(command)


def _split(
    client: Client,
    collection: Collection,
    name: str,
    topology: Topology,
    split_points: Sequence[tuple[object, ...]],
) -> None:
    """Split at each key and deal the chunks round-robin; moving one to where it is does nothing."""
    namespace = f"{collection.database}.{name}"
    bounds = {repr(bound): bound for bound in (_bound(collection, key) for key in split_points)}
    lowest = _bound(collection, ())
    bounds.pop(repr(lowest), None)
    for bound in bounds.values():
        _admin(client, {"split": namespace, "middle": bound})
    if bounds and topology.shards:
        for bound, shard in zip([lowest, *bounds.values()], cycle(topology.shards)):
            _admin(client, {"moveChunk": namespace, "find": bound, "to": shard})


def _bound(collection: Collection, key: tuple[object, ...]) -> dict[str, object]:
    """A full shard key; what is left off, and what the server would hash, begins at the smallest value."""
    padded = [*key, *(MinKey() for _ in collection.shard_key)]
    return {
        path: MinKey() if kind == "hashed" else value
        for (path, kind), value in zip(collection.shard_key, padded, strict=False)
    }


def _admin(client: Client, command: dict[str, Any]) -> None:
    for attempt in retrying():
        with attempt:
            client.admin.command(command)


def describe(handle: Handle) -> Live | None:
    """The layout of a live collection; None when it does not exist. Raises DataError for a view."""
    client, name = handle.database.client, handle.name
    with translated(client, f"describe {handle.full_name}"):
        found = next(handle.database.list_collections(filter={"name": name}), None)
        if found is None:
            return None
        if found["type"] != "collection":
            raise DataError(f"{handle.full_name} is a {found['type']}", fix="publish under another name")
        sharding = _sharding(handle) if client.is_mongos else {}
        indexes = {each["name"]: dict(each) for each in handle.list_indexes() if each["name"] != "_id_"}
    options = dict(found["options"])
    return Live(
        shard_key=tuple(sharding.items()),
        indexes=indexes,
        validator=options.pop("validator", {}),
        options=options,
        uuid=found["info"].get("uuid"),
    )


def _sharding(handle: Handle) -> Mapping[str, Any]:
    entry = handle.database.client["config"]["collections"].find_one({"_id": handle.full_name}) or {}
    # 8.0 also tracks collections that are not sharded.
    key: Mapping[str, Any] = {} if entry.get("unsplittable") else entry.get("key", {})
    return key


@dataclass(frozen=True)
class Changes:
    """What separates a live collection's layout from the declared one.

    `rebuild` says what a live collection cannot take; `drop` and `create` are indexes (one that differs is
    both), `validator` says whether the validator is to be set.
    """

    rebuild: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    create: tuple[Index, ...] = ()
    validator: bool = False

    def __bool__(self) -> bool:
        """Whether there is anything to change."""
        return bool(self.rebuild or self.drop or self.create or self.validator)


def changes(collection: Collection, live: Live, *, is_cluster: bool = True) -> Changes:
    """Compare the layout of a live collection with the declared one."""
    differing = [each for each in collection.indexes if index_differences(each, live.indexes.get(each.name))]
    stale = [each.name for each in differing if each.name in live.indexes]
    return Changes(
        rebuild=tuple(_rebuild_reasons(collection, live, is_cluster)),
        drop=tuple(_undeclared(collection, live) + stale),
        create=tuple(differing),
        validator=bool(_validator_differences(collection, live)),
    )


def amend(handle: Handle, collection: Collection, pending: Changes) -> None:
    """Give a live collection the declared indexes and validator; `pending.rebuild` must be empty.

    Raises DataError when the server refuses: documents that break a new unique index, say. The indexes are
    then made what they were, on all shards: one may have built what another refused.
    """
    with translated(handle.database.client, f"change the layout of {handle.full_name}"):
        before = retrying()(lambda: {each["name"]: dict(each) for each in handle.list_indexes()})
        try:
            retrying()(_amend, handle, collection, pending)
        except OperationFailure:
            with suppress(PyMongoError):  # the refusal is what the user has to know
                retrying()(_restore, handle, before, pending)
            raise


def _amend(handle: Handle, collection: Collection, pending: Changes) -> None:
    _drop(handle, pending.drop)
    for index in pending.create:
        handle.create_indexes([_model(index)])
    if pending.validator:
        handle.database.command({"collMod": handle.name, "validator": validator(collection), **RULES})


def _restore(handle: Handle, before: Mapping[str, Mapping[str, Any]], pending: Changes) -> None:
    _drop(handle, [index.name for index in pending.create])
    dropped = [before[name] for name in pending.drop if name in before]
    if dropped:
        handle.database.command("createIndexes", handle.name, indexes=dropped)


def _drop(handle: Handle, names: Sequence[str]) -> None:
    """Drop the indexes that are there, on every shard; one that an attempt before has dropped is not."""
    for name in names:
        try:
            handle.drop_index(name)
        except OperationFailure as error:
            if error.code != INDEX_NOT_FOUND:
                raise


def differences(collection: Collection, live: Live, *, is_cluster: bool = True) -> list[str]:
    """Say how a live collection is laid out otherwise than declared; empty when it is as declared."""
    found = _rebuild_reasons(collection, live, is_cluster)
    for index in collection.indexes:
        found += index_differences(index, live.indexes.get(index.name))
    found += [f"index {name} is not declared" for name in _undeclared(collection, live)]
    return found + _validator_differences(collection, live)


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
    """Whether an index is the one that the server makes for a shard key."""
    return tuple(spec["key"].items()) == shard_key and not any(spec.get(option) for option in INDEX_OPTIONS)


def is_made(index: Index, spec: Mapping[str, Any] | None) -> bool:
    """Whether a live index is as `index` says."""
    return not index_differences(index, spec)


def excludes(index: Index, spec: Mapping[str, Any]) -> bool:
    """Whether MongoDB takes `index` only without the live index `spec`: the same keys, or both of text."""
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


def index_differences(index: Index, spec: Mapping[str, Any] | None) -> list[str]:
    """Say how a live index, none where it is missing, is otherwise than declared."""
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
    """What each shard holds; the one server of an unsharded set-up is called "unsharded".

    From the storage statistics, so cheap at any size; the exact count is the verification's.
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
