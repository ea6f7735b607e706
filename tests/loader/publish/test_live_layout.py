"""Live layouts on a real sharded cluster: what differs from the declaration, and what is amended."""

from __future__ import annotations

import pytest

from pos_loader.collection import Index
from pos_loader.errors import DataError
from pos_loader.publish import insert, layout, live_layout
from pos_loader.servers import mongo, mongo_client
from tests.loader.mongo_helpers import customers, declare, documents


def test_differences_name_what_changed(
    client: mongo.Client, topology: mongo_client.Topology, database: str
) -> None:
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


def test_an_index_whose_successor_is_refused_stays(
    client: mongo.Client, topology: mongo_client.Topology, database: str
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
    client: mongo.Client, topology: mongo_client.Topology, database: str
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
