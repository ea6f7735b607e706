"""New layouts on a real sharded cluster, and declarations that no server accepts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from pos_loader.collection import Index
from pos_loader.declaration import validator
from pos_loader.errors import DataError, SpecError
from pos_loader.publish import insert, layout, live_layout
from pos_loader.servers import mongo, mongo_client
from tests.loader.mongo_helpers import customers, declare, documents

Made = Callable[..., mongo.Handle]

SPLIT = [("NY",), ("TX",)]
HASHED: dict[str, int | str] = {"_id": "hashed"}
HASHED_FIRST: dict[str, int | str] = {"state": "hashed", "_id": 1}
RANGED: dict[str, int | str] = {"state": 1, "_id": 1}
RANGED_FIRST: dict[str, int | str] = {"state": 1, "_id": "hashed"}


@pytest.fixture(scope="module")
def made(client: mongo.Client, topology: mongo_client.Topology, database: str) -> Made:
    """Make the empty collection of a shard key once, because sharding and dropping are slow."""

    @cache
    def by_key(*shard_key: tuple[str, int | str]) -> mongo.Handle:
        name = "by_" + "_".join(f"{path}_{kind}" for path, kind in shard_key)
        declared = declare(database, shard_key=dict(shard_key), name=name, chunks=6)
        return layout.create(client, declared, name, topology=topology, split_points=SPLIT)

    return by_key


@pytest.mark.parametrize(
    ("shard_key", "chunks"), [(HASHED, 6), (HASHED_FIRST, 6), (RANGED, 3), (RANGED_FIRST, 3)]
)
def test_every_shard_holds_documents(
    made: Made, topology: mongo_client.Topology, shard_key: dict[str, int | str], chunks: int
) -> None:
    handle = made(*shard_key.items())
    config = handle.database.client["config"]
    entry = config["collections"].find_one({"_id": handle.full_name})
    assert entry is not None
    assert config["chunks"].count_documents({"uuid": entry["uuid"]}) == chunks

    insert.insert(handle, documents(customers(200)))
    shares = live_layout.shares(handle)
    assert set(shares) == set(topology.shards)
    assert all(share.documents > 0 and share.bytes > 0 for share in shares.values())
    assert sum(share.documents for share in shares.values()) == 200
    live = live_layout.describe(handle)
    assert live is not None
    assert live.shard_key == tuple(shard_key.items())
    assert live_layout.differences(declare("any", shard_key=shard_key), live) == []
    handle.delete_many({})


def test_declared_unsharded_stays_on_one_shard(
    client: mongo.Client, topology: mongo_client.Topology, database: str
) -> None:
    declared = declare(database, shard_key={}, name="unsharded")
    handle = layout.create(client, declared, "unsharded", topology=topology)
    insert.insert(handle, documents(customers(20)))
    assert [share.documents for share in live_layout.shares(handle).values()] == [20]
    live = live_layout.describe(handle)
    assert live is not None
    assert live.shard_key == ()
    assert live_layout.differences(declared, live) == []
    resharded = declare(database, name="unsharded")
    assert live_layout.differences(resharded, live) == ["shard key is none, declared _id: hashed"]


def test_server_refusal_is_one_line(
    client: mongo.Client, topology: mongo_client.Topology, database: str
) -> None:
    bad = Index((("email", 1),), {"partialFilterExpression": {"email": {"$regex": "x"}}})
    with pytest.raises(DataError, match=r"refuses to create .*partial index") as caught:
        layout.create(client, declare(database, bad, name="refused"), "refused", topology=topology)
    assert "\n" not in str(caught.value)
    assert "clusterTime" not in str(caught.value)


def test_validator_is_derived_from_the_declaration() -> None:
    lines = {
        "bsonType": "object",
        "properties": {"quantity": {"bsonType": "long"}, "notes": {}},
        "required": ["quantity"],
    }
    orders = {
        "bsonType": "object",
        "properties": {
            "order_id": {"bsonType": "long"},
            "shipped_at": {"bsonType": ["date", "null"]},
            "lines": {"bsonType": "array", "maxItems": 3, "items": lines},
        },
        "required": ["order_id", "shipped_at", "lines"],
    }
    returns = {
        "bsonType": "object",
        "properties": {"return_id": {"bsonType": "int"}},
        "required": ["return_id"],
    }
    assert validator.validator(declare("pos")) == {
        "$jsonSchema": {
            "bsonType": "object",
            "properties": {
                "_id": {"bsonType": "long"},
                "state": {"bsonType": "string"},
                "email": {"bsonType": "string"},
                "profile": {},
                "orders": {"bsonType": "array", "items": orders},
                "returns": {"bsonType": "array", "items": returns},
            },
            "required": ["_id", "orders", "returns"],
        }
    }


UNIQUE = {"unique": True}
REFUSAL_CODES = (67, 197, 16764, 31303)  # cannot create index, bad option for _id, two kinds of bad hashing
REFUSED_INDEXES: list[tuple[dict[str, int | str], Index, str]] = [
    (HASHED, Index((("email", 1),), UNIQUE), "cannot hold across shards"),
    (RANGED, Index((("state", 1), ("email", 1)), UNIQUE), "cannot hold across shards"),
    (RANGED, Index((("email", 1), ("state", 1), ("_id", 1)), UNIQUE), "cannot hold across shards"),
    (HASHED, Index((("email", "hashed"),), UNIQUE), "hashed index cannot be unique"),
    ({}, Index((("email", "hashed"),), UNIQUE), "hashed index cannot be unique"),
    (HASHED, Index((("email", "hashed"), ("state", "hashed"))), "two hashed fields"),
    (HASHED, Index((("_id", 1),), UNIQUE), "on _id alone"),
    (HASHED, Index((("email", "spherical"),)), "allowed are 1, -1, hashed"),
]


@pytest.mark.parametrize(("shard_key", "index", "message"), REFUSED_INDEXES)
def test_refused_indexes_are_those_the_server_refuses(
    made: Made, shard_key: dict[str, int | str], index: Index, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        validator.check(declare("pos", index, shard_key=shard_key))
    with pytest.raises(OperationFailure, match=r"(?i)index") as caught:
        made(*shard_key.items()).create_index(list(index.keys), **dict[str, Any](index.options))
    assert caught.value.code in REFUSAL_CODES


@pytest.mark.parametrize(
    ("shard_key", "fields"),
    [
        (HASHED, ("_id", "email")),
        (RANGED, ("state", "_id", "email")),
        (RANGED, ("_id", "state")),
        (HASHED_FIRST, ("state", "_id")),
        ({}, ("email",)),
    ],
)
def test_allowed_unique_indexes_are_those_the_server_allows(
    made: Made, shard_key: dict[str, int | str], fields: tuple[str, ...]
) -> None:
    index = Index(tuple((each, 1) for each in fields), UNIQUE)
    validator.check(declare("pos", index, shard_key=shard_key))
    handle = made(*shard_key.items())
    handle.create_index(list(index.keys), **dict[str, Any](index.options))
    assert handle.index_information()[index.name]["unique"] is True


def test_parallel_arrays_are_refused_and_nested_arrays_are_not(
    client: mongo.Client, topology: mongo_client.Topology, database: str
) -> None:
    parallel = declare(
        database, Index((("orders.order_id", 1), ("returns.return_id", 1))), shard_key={}, name="parallel"
    )
    with pytest.raises(SpecError, match="covers two arrays, orders and returns"):
        validator.check(parallel)
    handle = layout.create(client, parallel, "parallel", topology=topology)
    row = {**customers(1)[0], "returns": [{"return_id": 1}]}
    assert insert.insert(handle, documents([row])) == ()
    with pytest.raises(DataError, match="cannot index parallel arrays"):
        layout.complete(handle, parallel)

    nested = declare(
        database, Index((("orders.lines.quantity", 1), ("orders.order_id", 1))), shard_key={}, name="nested"
    )
    validator.check(nested)
    handle = layout.create(client, nested, "nested", topology=topology)
    assert insert.insert(handle, documents([row])) == ()
    layout.complete(handle, nested)


def test_only_plain_indexes_wait_for_the_documents(
    client: mongo.Client, topology: mongo_client.Topology, database: str
) -> None:
    indexes = (
        Index((("orders.lines.quantity", 1),), {"name": "waits"}),
        Index((("email", -1),), {"sparse": True, "name": "waits_too"}),
        Index((("_id", 1), ("email", 1)), {"unique": True, "name": "unique"}),
        Index((("state", 1),), {"collation": {"locale": "en"}, "name": "collated"}),
        Index((("email", "text"),), {"name": "text"}),
    )
    declared = declare(database, *indexes, name="waiting")
    handle = layout.create(client, declared, "waiting", topology=topology)
    made = {"_id_", "_id_hashed", "unique", "collated", "text"}
    assert set(handle.index_information()) == made
    for _ in range(2):
        layout.complete(handle, declared)
        assert set(handle.index_information()) == made | {"waits", "waits_too"}
    live = live_layout.describe(handle)
    assert live is not None
    assert live_layout.differences(declared, live) == []


@pytest.mark.parametrize(
    ("shard_key", "message"),
    [
        ({"orders": 1}, "shard_key field orders is no scalar field"),
        ({"orders.order_id": 1}, "no scalar field"),
        ({"profile": "hashed"}, "no scalar field"),
        ({"state": "hashed", "_id": "hashed"}, "two hashed fields"),
        ({"state": -1}, "allowed are 1 and hashed"),
    ],
)
def test_illegal_shard_keys_are_refused(shard_key: dict[str, int | str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        validator.check(declare("pos", shard_key=shard_key))


def test_a_hashed_array_and_a_repeated_index_are_refused() -> None:
    with pytest.raises(SpecError, match="orders is an array"):
        validator.check(declare("pos", Index((("orders.order_id", "hashed"),))))
    with pytest.raises(SpecError, match="state_1 is declared twice"):
        validator.check(declare("pos", Index((("state", 1),)), Index((("state", 1),), {"sparse": True})))
