"""How a sharded collection is spread over the shards, and what hinders an even spread.

Sources: https://www.mongodb.com/docs/manual/core/sharding-choose-a-shard-key/,
https://www.mongodb.com/docs/manual/core/sharding-balancer-administration/
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pymongo.errors import OperationFailure

from pos_loader.collection import BsonType, Collection
from pos_loader.documents.cuts import KeyValues
from pos_loader.publish import live_layout, zones
from pos_loader.servers.mongo import Handle, translated
from pos_loader.servers.mongo_client import Topology

FEW_VALUES = 100
"""A shard key with fewer values is named: each value is at most one chunk."""
FULL, EMPTY, NOTABLE = 1.5, 0.5, 100
"""A shard holds too many documents, or too few, if it has more or less than this multiple of a fair share.
Fewer documents than `NOTABLE` are not judged."""
SAMPLE = 100_000
"""How many documents MongoDB reads to judge a shard key."""
RANGE_MEGABYTES = 128
"""MongoDB's default range size. The balancer moves data between shards that differ by three times as much."""


def of_key(collection: Collection, values: KeyValues | None, shards: int) -> Iterator[str]:
    """Say what is wrong with the values of the declared shard key; `values` is None where all differ."""
    if values is None:
        return
    key = ", ".join(path for path, _ in collection.shard_key)
    if values.distinct < FEW_VALUES:
        yield (
            f"shard key {key} has {values.distinct:,} values for {values.documents:,} documents, so at most "
            f"{values.distinct:,} chunks; a key that also has _id could be split further"
        )
    if values.largest * shards > values.documents and shards > 1:
        yield (
            f"{values.largest:,} of {values.documents:,} documents have the shard key ({values.example}), "
            "which is more than a shard's fair share and cannot be split"
        )


def of_live(handle: Handle, live: live_layout.Live, *, topology: Topology, can_spread: bool) -> Iterator[str]:
    """Say what is wrong with the spread of a live sharded collection.

    `can_spread` says whether the shard key has values enough for a full refresh to spread the documents.
    """
    shares = live_layout.shares(handle)
    with translated(handle.database.client, f"read the chunks of {handle.full_name}"):
        misplaced = list(_misplaced(handle, live))
        skew = "" if live.zones else _skew(shares, topology)
        jumbo = handle.database.client["config"]["chunks"].count_documents({"uuid": live.uuid, "jumbo": True})
    balancer = _balancer(handle) if skew or misplaced else ""
    if skew:
        spread = (
            "--full-refresh spreads them" if can_spread else "a shard key with more values could spread them"
        )
        yield f"{skew}; {balancer}; {spread}"
    if jumbo:
        yield f"{_chunks(jumbo)} jumbo: MongoDB neither splits nor moves {'it' if jumbo == 1 else 'them'}"
    for number, zone, shard in misplaced:
        yield f"{_chunks(number)} on {shard}, outside of zone {zone}; {balancer}"


def monotonic(handle: Handle | None, collection: Collection) -> Iterator[str]:
    """Say that the first field of the shard key grows with new documents, so that one shard gets them all.

    MongoDB 7.0 measures it on the documents (`analyzeShardKey`). Without a collection, on an older server or
    without the right to ask, the type decides: a whole number as `_id`, or a date.
    """
    path, kind = collection.shard_key[0]
    if kind == "hashed":
        return
    verdict, basis = (_measured(handle, path) if handle is not None else ""), "as MongoDB measured"
    if not verdict:
        types = {field.name: field.type for field in collection.root.fields}
        grows = types[path] is BsonType.DATE or (path == "_id" and types[path] is not BsonType.STRING)
        verdict, basis = "monotonic" if grows else "", "by its type"
    if verdict == "monotonic":
        yield (
            f"shard key begins with {path}, which grows with new documents ({basis}), so all of them go to "
            f"one shard; {path}: hashed spreads them"
        )


def _measured(handle: Handle, path: str) -> str:
    command: dict[str, Any] = {"analyzeShardKey": handle.full_name, "key": {path: 1}}
    client = handle.database.client
    with translated(client, f"analyze the shard key of {handle.full_name}"), suppress(OperationFailure):
        found = client.admin.command({**command, "readWriteDistribution": False, "sampleSize": SAMPLE})
        return str(found["keyCharacteristics"]["monotonicity"]["type"])
    return ""


def _skew(shares: dict[str, live_layout.Share], topology: Topology) -> str:
    """Name the fullest and the emptiest shard where they are far from a fair share."""
    counts = {shard: shares[shard].documents if shard in shares else 0 for shard in topology.shards}
    total = sum(counts.values())
    if len(counts) < 2 or total < NOTABLE:
        return ""
    fullest, emptiest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    fair = total / len(counts)
    if counts[fullest] <= FULL * fair and counts[emptiest] >= EMPTY * fair:
        return ""
    return (
        f"{fullest} holds {counts[fullest] / total:.0%} of {total:,} documents and {emptiest} "
        f"{counts[emptiest] / total:.0%}, of {len(counts)} shards"
    )


def _misplaced(handle: Handle, live: live_layout.Live) -> Iterator[tuple[int, str, str]]:
    """Count the chunks of each zone that are on shards of other zones, by shard."""
    client = handle.database.client
    members = zones.members(client) if live.zones else {}
    counts: dict[tuple[str, str], int] = {}
    for each in live.zones:
        outside = {"$nin": members.get(each.zone, [])}
        chunks = {"uuid": live.uuid, "min": {"$lt": each.hi}, "max": {"$gt": each.lo}, "shard": outside}
        for chunk in client["config"]["chunks"].find(chunks, {"shard": 1}):
            place = each.zone, chunk["shard"]
            counts[place] = counts.get(place, 0) + 1
    for (zone, shard), number in counts.items():
        yield number, zone, shard


def _balancer(handle: Handle) -> str:
    client = handle.database.client
    with suppress(OperationFailure):
        if client.admin.command("balancerStatus")["mode"] == "off":
            return "the balancer is off"
        found = client["config"]["settings"].find_one({"_id": "chunksize"}) or {}
        megabytes = 3 * found.get("value", RANGE_MEGABYTES)
        return f"the balancer moves data of shards that differ by {megabytes:,} MB, and of zones"
    return "whether the balancer runs is not known"


def _chunks(number: int) -> str:
    return f"{number:,} {'chunk is' if number == 1 else 'chunks are'}"
