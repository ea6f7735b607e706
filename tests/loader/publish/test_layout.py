"""Layouts on a real sharded cluster, and the declarations that cannot be laid out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.errors import OperationFailure

from pos_loader.collection import Index
from pos_loader.declaration import validator
from pos_loader.errors import ConnectionFailed, DataError, SpecError
from pos_loader.masking import masked_address
from pos_loader.publish import insert, layout, live_layout
from pos_loader.servers import mongo
from tests.loader.mongo_helpers import customers, declare, documents

Made = Callable[..., mongo.Handle]

SPLIT = [("NY",), ("TX",)]
HASHED: dict[str, int | str] = {"_id": "hashed"}
HASHED_FIRST: dict[str, int | str] = {"state": "hashed", "_id": 1}
RANGED: dict[str, int | str] = {"state": 1, "_id": 1}
RANGED_FIRST: dict[str, int | str] = {"state": 1, "_id": "hashed"}


@pytest.fixture(scope="module")
def made(client: mongo.Client, topology: mongo.Topology, database: str) -> Made:
    """The empty collection of a shard key, made once: sharding and dropping are the slow part."""

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
    made: Made, topology: mongo.Topology, shard_key: dict[str, int | str], chunks: int
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
    client: mongo.Client, topology: mongo.Topology, database: str
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


def test_differences_name_what_changed(client: mongo.Client, topology: mongo.Topology, database: str) -> None:
    partial = {"email": {"$exists": True}}
    kept = Index((("email", 1),), {"partialFilterExpression": partial, "collation": {"locale": "fr"}})
    sparse, by_order = Index((("state", 1),), {"sparse": True}), Index((("orders.order_id", -1),))
    declared = declare(database, kept, sparse, by_order, shard_key={}, name="drift")
    handle = layout.create(client, declared, "drift", topology=topology)
    layout.complete(handle, declared)
    live = live_layout.describe(handle)
    assert live is not None
    assert live_layout.differences(declared, live) == []

    handle.drop_index("orders.order_id_-1")
    handle.drop_index("state_1")
    handle.create_index([("state", 1)])
    handle.create_index([("by_hand", 1)])
    handle.database.command("collMod", "drift", validator={}, validationLevel="moderate")
    live = live_layout.describe(handle)
    assert live is not None
    assert live_layout.differences(declared, live) == [
        "index state_1 has sparse False, declared True",
        "index orders.order_id_-1 is missing",
        "index by_hand_1 is not declared",
        "there is no validator",
    ]


def test_describe_knows_what_is_not_there_and_what_is_a_view(client: mongo.Client, database: str) -> None:
    assert live_layout.describe(client[database]["absent"]) is None
    client[database].command("create", "looking", viewOn="absent", pipeline=[])
    with pytest.raises(DataError, match=r"looking is a view"):
        live_layout.describe(client[database]["looking"])


def test_server_refusal_is_one_line(client: mongo.Client, topology: mongo.Topology, database: str) -> None:
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
    client: mongo.Client, topology: mongo.Topology, database: str
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
    client: mongo.Client, topology: mongo.Topology, database: str
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


def test_missing_privileges_are_named(client: mongo.Client, database: str) -> None:
    """The privileges are a real server's own account of its roles."""

    def lacking(role: str, on: str, *, sharded: bool) -> list[str]:
        info = client.admin.command("rolesInfo", {"role": role, "db": on}, showPrivileges=True)
        return mongo.lacking(info["roles"][0]["privileges"], database, sharded=sharded)

    assert lacking("readWrite", database, sharded=False) == ["collMod"]
    assert lacking("readWrite", database, sharded=True) == ["collMod", *mongo.SHARDING_ACTIONS]
    assert lacking("readWrite", "elsewhere", sharded=False) == list(mongo.DATABASE_ACTIONS)
    assert "insert" in lacking("read", database, sharded=False)
    assert lacking("root", "admin", sharded=True) == []
    assert mongo.missing_actions(client, database, sharded=True) == []


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("mongodb://pos:s3cret-pw@127.0.0.1:9/", ConnectionFailed),
        ("mongodb://pos:s3cret-pw@127.0.0.1:9/?authSource=admin&tls=maybe", SpecError),
        ("mongodb://pos:s3cret-pw/with@signs@127.0.0.1:9/", SpecError),
        ("mongodb://pos:s3cret-pw:colon@127.0.0.1:nine/", SpecError),
    ],
)
def test_unreachable_or_malformed_addresses_never_show_the_password(uri: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"MongoDB") as caught:
        mongo.connect(uri, timeout=0.3)
    assert "s3cret-pw" not in str(caught.value)
    assert "127.0.0.1:" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_of_an_address_that_are_secret_are_hidden() -> None:
    shown = masked_address(
        "mongodb://pos:pw@127.0.0.1:9/?tls=true&tlsCertificateKeyFilePassword=s3cret"
        "&authMechanismProperties=AWS_SESSION_TOKEN:s3cret&appName=shop"
    )
    assert shown == (
        "mongodb://***@127.0.0.1:9/?tls=true&tlsCertificateKeyFilePassword=***"
        "&authMechanismProperties=***&appName=shop"
    )


def test_wrong_credentials_are_named_without_the_password(servers: Any) -> None:
    uri = servers.mongo_uri.replace("mongodb://", "mongodb://nobody:s3cret-pw@")
    with pytest.raises(ConnectionFailed, match="refuses us: Authentication failed") as caught:
        mongo.connect(uri)
    assert "s3cret-pw" not in str(caught.value)


def test_driver_errors_keep_the_servers_words(client: mongo.Client, database: str) -> None:
    with pytest.raises(OperationFailure) as caught:
        client[database].command("aggregate", "any", pipeline=[{"$nonsense": Int64(1)}], cursor={})
    assert mongo.reason(caught.value) == "Unrecognized pipeline stage name: '$nonsense'"


def test_an_index_whose_successor_is_refused_stays(
    client: mongo.Client, topology: mongo.Topology, database: str
) -> None:
    old = (
        Index((("state", 1), ("email", 1)), {"name": "by_state"}),
        Index((("email", "text"),), {"name": "text"}),
    )
    new = Index((("state", 1),), {"unique": True, "name": "by_state"})
    declared = declare(database, *old, shard_key={}, name="amended")
    handle = layout.create(client, declared, "amended", topology=topology)
    insert.insert(handle, documents(customers(100)))
    layout.complete(handle, declared)
    before = handle.index_information()

    wanted = declare(database, new, shard_key={}, name="amended")
    live = live_layout.describe(handle)
    assert live is not None
    pending = live_layout.changes(wanted, live)
    assert set(pending.drop) == {"by_state", "text"}
    with pytest.raises(DataError, match=r"amended: .*duplicate key|amended.*E11000"):
        live_layout.amend(handle, wanted, pending)
    assert handle.index_information() == before

    handle.delete_many({})
    live_layout.amend(handle, wanted, pending)
    assert handle.index_information().keys() == {"_id_", "by_state"}
    assert handle.index_information()["by_state"]["unique"] is True


def test_an_index_that_one_shard_alone_refuses_stays_on_all(
    client: mongo.Client, topology: mongo.Topology, database: str
) -> None:
    declared = declare(database, Index((("state", 1),), {"name": "by_state"}), name="half_refused")
    handle = layout.create(client, declared, "half_refused", topology=topology)
    insert.insert(handle, documents([*customers(99), {**customers(1, start=99)[0], "returns": [{"id": 1}]}]))
    layout.complete(handle, declared)

    def indexes() -> list[tuple[str, str, str]]:
        found = handle.aggregate([{"$indexStats": {}}])
        return sorted((each["shard"], each["name"], str(each["key"])) for each in found)

    before = indexes()
    assert {shard for shard, *_ in before} == set(topology.shards)
    parallel = Index((("orders.order_id", 1), ("returns.id", 1)), {"name": "by_state"})
    extra = Index((("email", 1),), {"name": "by_email"})
    wanted = declare(database, extra, parallel, name="half_refused")
    live = live_layout.describe(handle)
    assert live is not None
    with pytest.raises(DataError, match="cannot index parallel arrays"):
        live_layout.amend(handle, wanted, live_layout.changes(wanted, live))
    assert indexes() == before
