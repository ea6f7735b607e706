"""Zones on a real sharded cluster: the documents of a zone are on its shards, after every kind of load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from bson.max_key import MaxKey
from bson.min_key import MinKey
from pymongo.errors import OperationFailure

from pos_loader.publish import builds, zones
from pos_loader.servers import mongo
from pos_sandbox.cluster import Endpoints
from tests.faults.shop import BY_ID, BY_STATE, Shop, shop
from tests.loader.handmade import NAME
from tests.loader.manifests import Manifest
from tests.loader.run.test_ownership import InProcess

WEST, EAST = "test-west", "test-east"
COASTS = {WEST: ["CA", "WA"], EAST: ["NY", None]}
PLACES = {"CA": "shard1", "WA": "shard1", "NY": "shard2", None: "shard2"}


@pytest.fixture(scope="module")
def zoned(cluster: Endpoints, manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop of 200 stores by state, and a cluster with a zone for each shard."""
    with shop(cluster, manifest, tmp_path_factory.mktemp("zones"), "test_zones", shard_key=BY_STATE) as found:
        for shard, zone in (("shard1", WEST), ("shard2", EAST)):
            found.documents.client.admin.command("addShardToZone", shard, zone=zone)
        yield replace(found, loader=InProcess(**vars(found.loader)))


@pytest.fixture
def fresh(zoned: Shop) -> Shop:
    zoned.documents.client.drop_database(zoned.documents.name)
    zoned.sql("update stores set state = elt(store_id % 5 + 1, 'CA', 'NY', 'TX', 'WA', null)")
    zoned.declared.pop("zones", None)
    zoned.declare(shard_key=BY_STATE)
    return zoned


def by_shard(found: Shop) -> dict[Any, set[str]]:
    """The shards that hold chunks of each state, by the chunks themselves."""
    config = found.documents.client["config"]
    entry = config["collections"].find_one({"_id": found.documents[NAME].full_name}) or {}
    uuid, places = entry["uuid"], {}
    for state in (*PLACES, "TX"):
        low, high = {"state": state, "_id": MinKey()}, {"state": state, "_id": MaxKey()}
        chunks = config["chunks"].find({"uuid": uuid, "min": {"$lt": high}, "max": {"$gt": low}})
        places[state] = {chunk["shard"] for chunk in chunks}
    return places


def require_placed(found: Shop) -> None:
    places = by_shard(found)
    for state, shard in PLACES.items():
        assert places[state] == {shard}, places
    question = [{"$match": {"state": "CA"}}]
    explained = found.documents.command(
        "explain", {"aggregate": NAME, "pipeline": question, "cursor": {}}, verbosity="executionStats"
    )
    assert set(explained["shards"]) == {"shard1"}


def test_zones_hold_their_documents_after_every_kind_of_load(fresh: Shop) -> None:
    fresh.declare(zones=COASTS)
    plan = fresh.plan()
    assert plan["zones"]
    load = fresh.load()
    assert load["inserted"] == 200
    require_placed(fresh)
    assert not fresh.plan()["zones"]

    fresh.sql("update stores set state = 'WA' where store_id in (1, 2)")
    assert fresh.load()["mode"] == "sync"
    require_placed(fresh)

    again = fresh.planned_load("--full-refresh")  # over a collection that has zone ranges
    assert again["mode"] == "full refresh"
    require_placed(fresh)
    assert fresh.loader.run("verify", "--quiet").code == 0


def test_a_sync_sets_and_changes_the_zones_of_a_live_collection(fresh: Shop) -> None:
    fresh.load()
    fresh.declare(zones=COASTS)
    assert fresh.plan()["zones"]
    assert "the zones are set as declared; the balancer moves the chunks" in fresh.load()["notes"]
    assert not fresh.plan()["zones"]
    fresh.declare(zones={WEST: [{"to": "M"}], EAST: [{"from": "M", "to": "U"}]})
    fresh.load()
    handle = fresh.documents[NAME]
    bounds = [(each.zone, each.lo["state"], each.hi["state"]) for each in zones.live(handle)]
    assert bounds == [(WEST, MinKey(), "M"), (EAST, "M", "U")]
    fresh.declare(zones={})
    fresh.load()
    assert zones.live(handle) == ()


def test_zones_of_others_stay_and_no_full_refresh_loses_them(fresh: Shop) -> None:
    fresh.load()
    handle = fresh.documents[NAME]
    theirs = zones.Range(WEST, {"state": "CA", "_id": MinKey()}, {"state": "CB", "_id": MinKey()})
    zones.amend(handle, [theirs])
    remark = "state from 'CA' to 'CB' in zone test-west is not declared and stays"
    assert remark in fresh.load()["notes"]
    assert remark in fresh.plan()["notes"]
    error = fresh.refused("--full-refresh", code=1)
    assert "a full refresh would lose a zone range of the collection, which is not declared" in error
    assert "`zones: {}`" in error
    assert zones.live(handle) == (theirs,)
    fresh.declare(zones={})
    assert fresh.load("--full-refresh")["mode"] == "full refresh"
    assert zones.live(handle) == ()


@pytest.mark.long
def test_a_failed_rename_keeps_the_zones_and_the_next_load_mends_a_killed_one(
    fresh: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.declare(zones=COASTS)
    fresh.load()
    handle, before = fresh.documents[NAME], zones.live(fresh.documents[NAME])

    def refuse(*_: object) -> None:
        raise OperationFailure("no", 125)

    with monkeypatch.context() as patched:
        patched.setattr(builds, "_rename", refuse)
        fresh.refused("--full-refresh", code=1)
    assert not zones.without(before, zones.live(handle))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(builds, "rename", die)
        assert fresh.loader.run("load", "--no-gate", "--quiet", "--full-refresh").code == 130
    assert zones.live(handle) == ()
    assert fresh.load()["mode"] == "sync"
    require_placed(fresh)


def test_a_zone_without_shards_is_named_before_anything_is_made(fresh: Shop) -> None:
    fresh.declare(zones={"moon": ["CA"]})
    error = fresh.refused(code=2)
    assert "zone moon has no shard; zones with shards: " in error
    assert EAST in error
    assert "zone moon has no shard" in fresh.loader.run("plan", "--no-gate", "--quiet").stdout
    assert "sh.addShardToZone(SHARD, 'moon')" in error
    assert fresh.documents.list_collection_names(filter={"name": NAME}) == []


def test_plan_names_what_hinders_an_even_spread(fresh: Shop) -> None:
    fresh.declare(shard_key={"state": 1})
    notes = fresh.plan()["notes"]
    assert any(
        "shard key state has 5 values for 200 documents, so at most 5 chunks" in note for note in notes
    )
    fresh.sql("update stores set state = 'CA' where store_id <= 120")
    notes = fresh.plan()["notes"]
    assert any("of 200 documents have the shard key (state: 'CA')" in note for note in notes)
    fresh.load()
    notes = fresh.plan()["notes"]
    assert any(note.startswith("shard") and "of 2 shards" in note and "more values" in note for note in notes)

    fresh.declare(shard_key={"_id": 1})
    fresh.load("--full-refresh")
    notes = fresh.plan()["notes"]
    assert notes == [
        "shard key begins with _id, which grows with new documents (as MongoDB measured), so all of them go "
        "to one shard; _id: hashed spreads them"
    ]
    fresh.declare(shard_key=BY_ID)
    fresh.load("--full-refresh")
    assert fresh.plan()["notes"] == []


@pytest.mark.long
def test_plan_names_chunks_that_do_not_move(fresh: Shop) -> None:
    fresh.declare(shard_key=BY_ID)
    fresh.load()
    client, namespace = fresh.documents.client, fresh.documents[NAME].full_name
    entry = client["config"]["collections"].find_one({"_id": namespace}) or {}
    chunks = list(client["config"]["chunks"].find({"uuid": entry["uuid"]}))
    client["config"]["chunks"].update_one({"_id": chunks[0]["_id"]}, {"$set": {"jumbo": True}})
    assert fresh.plan()["notes"] == ["1 chunk is jumbo: MongoDB neither splits nor moves it"]
    for chunk in chunks:
        bounds = [chunk["min"], chunk["max"]]
        client.admin.command("clearJumboFlag", namespace, bounds=bounds)
        client.admin.command("moveChunk", namespace, bounds=bounds, to="shard1")
    (note,) = fresh.plan()["notes"]
    assert note.startswith("shard1 holds 100% of 200 documents and shard2 0%, of 2 shards; ")
    assert note.endswith("--full-refresh spreads them")
    fresh.load("--full-refresh")
    assert fresh.plan()["notes"] == []


@pytest.mark.long
def test_plan_names_chunks_outside_of_their_zone(fresh: Shop, client: mongo.Client) -> None:
    fresh.declare(zones=COASTS)
    fresh.load()
    client.admin.command("balancerStop")
    try:
        found = {"state": "CA", "_id": MinKey()}
        client.admin.command("moveChunk", f"{fresh.documents.name}.{NAME}", find=found, to="shard2")
        assert fresh.plan()["notes"] == [
            "1 chunk is on shard2, outside of zone test-west; the balancer is off"
        ]
    finally:
        client.admin.command("balancerStart")
