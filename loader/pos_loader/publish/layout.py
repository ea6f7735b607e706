"""Makes an empty collection as declared, for a build.

The order is: the collection with its validator, the indexes that documents need from the start, sharding,
chunks. So a declared index that begins with the shard key serves the shard key, and MongoDB makes no second
one. Chunks are split and moved while they are empty, which copies nothing. All other indexes are built after
the documents are there. Then a multikey index is sorted once, which takes a quarter of the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from bson.max_key import MaxKey
from bson.min_key import MinKey
from pymongo.errors import OperationFailure
from pymongo.operations import IndexModel

from pos_loader.collection import BsonType, Collection, Index
from pos_loader.declaration.validator import validator
from pos_loader.declaration.zones import holder, order
from pos_loader.publish import zones
from pos_loader.servers.mongo import (
    Client,
    Database,
    Handle,
    bounded,
    create_indexes,
    retrying,
    translated,
)
from pos_loader.servers.mongo_client import Topology

NAMESPACE_EXISTS, INVALID_OPTIONS, UNKNOWN_FIELD = 48, 72, 40415
RULES: Mapping[str, str] = {"validationLevel": "strict", "validationAction": "error"}
WAITING_OPTIONS = frozenset(("name", "sparse"))


def create(
    client: Client,
    collection: Collection,
    name: str,
    *,
    topology: Topology,
    split_points: Sequence[tuple[object, ...]] = (),
) -> Handle:
    """Make the empty collection `name` as declared and return its handle. Call `complete` once it is filled.

    `split_points` are the lower bounds of all chunks but the first, with a value for each field of the shard
    key; the last fields may be left off. Only a shard key whose first field is ranged uses them. Outside of a
    cluster the collection is unsharded. Raises DataError when the server refuses the declaration.
    """
    database = client[collection.database]
    doing = f"create {collection.database}.{name}"
    with translated(client, doing, fix="change the declaration", is_work=True):
        _create(database, collection, name)
        if topology.is_cluster and collection.shard_key:
            members = zones.require_shards(client, collection)
            zones.amend(database[name], zones.declared(collection))
            _shard(client, collection, name, topology)
            if collection.shard_key[0][1] != "hashed":
                _split(client, collection, name, topology, split_points, members)
    return database[name]


def _create(database: Database, collection: Collection, name: str) -> None:
    rules = {"validator": validator(collection), **RULES}
    with bounded(database.client, f"create {database.name}.{name}"):
        for attempt in retrying():
            with attempt:
                try:
                    database.command({"create": name, **rules})
                except OperationFailure as error:
                    if error.code != NAMESPACE_EXISTS or attempt.retry_state.attempt_number == 1:
                        raise
    _build(database[name], [index for index in collection.indexes if not _can_wait(index, collection)])


def complete(handle: Handle, collection: Collection) -> None:
    """Build the indexes that could wait for the documents. A second call changes nothing.

    Raises DataError when the server refuses one.
    """
    doing = f"index {handle.full_name}"
    with translated(handle.database.client, doing, fix="change the declaration", is_work=True):
        _build(handle, [index for index in collection.indexes if _can_wait(index, collection)])


def _can_wait(index: Index, collection: Collection) -> bool:
    """Whether an index can be built after the documents.

    It can where the server surely accepts it, refuses no document because of it, and no shard key needs it.
    """
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
    if indexes:
        retrying()(create_indexes, handle, [specification(index) for index in indexes])


def specification(index: Index) -> Mapping[str, Any]:
    """Write an index as createIndexes takes it."""
    return IndexModel(list(index.keys), **{**index.options, "name": index.name}).document


def _shard(client: Client, collection: Collection, name: str, topology: Topology) -> None:
    command = {"shardCollection": f"{collection.database}.{name}", "key": dict(collection.shard_key)}
    chunks = collection.chunks or 2 * len(topology.shards)
    hashed_first = collection.shard_key[0][1] == "hashed"
    wishes = {"numInitialChunks": chunks} if hashed_first and chunks else {}
    try:
        _admin(client, {**command, **wishes})
    except OperationFailure as error:
        # Newer servers choose the number of chunks themselves.
        if not wishes or error.code not in (INVALID_OPTIONS, UNKNOWN_FIELD):
            raise
        _admin(client, command)


def _split(
    client: Client,
    collection: Collection,
    name: str,
    topology: Topology,
    split_points: Sequence[tuple[object, ...]],
    members: Mapping[str, Sequence[str]],
) -> None:
    """Split at each key and deal the chunks round-robin, those of a zone to its shards.

    MongoDB has split at the ends of the zones. Moving a chunk to its own shard does nothing.
    """
    namespace, ranges = f"{collection.database}.{name}", collection.zones or ()
    ends = [bound for each in zones.declared(collection) for bound in (each.lo, each.hi)]
    bounds = {_order(bound): bound for bound in (_bound(collection, ()), *ends)}
    for bound in [_bound(collection, key) for key in split_points]:
        if bounds.setdefault(_order(bound), bound) is bound:
            _admin(client, {"split": namespace, "middle": bound})
    if len(bounds) == 1 or not topology.shards:
        return
    dealt = {zone: cycle(shards) for zone, shards in members.items()}
    anywhere = cycle(topology.shards)
    for bound in (bounds[each] for each in sorted(bounds)):
        first = next(iter(bound.values()))
        if not isinstance(first, MaxKey):  # no chunk begins there
            shard = next(dealt.get(holder(ranges, first), anywhere))
            _admin(client, {"moveChunk": namespace, "find": bound, "to": shard})


def _order(bound: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(map(order, bound.values()))


def _bound(collection: Collection, key: tuple[object, ...]) -> Mapping[str, object]:
    """Write a bound as a full shard key. Fields that are left off or hashed get the smallest value."""
    padded = [*key, *(MinKey() for _ in collection.shard_key)]
    return {
        path: MinKey() if kind == "hashed" else value
        for (path, kind), value in zip(collection.shard_key, padded, strict=False)
    }


def _admin(client: Client, command: dict[str, Any]) -> None:
    name, namespace = next(iter(command.items()))
    with bounded(client, f"{name} {namespace}"):
        retrying()(client.admin.command, command)
