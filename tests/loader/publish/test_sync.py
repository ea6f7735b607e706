"""`load` of an existing collection writes only what differs, in one step, behind guards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pos_sandbox.cluster import Endpoints
from tests.faults.builds import moved_on_copy
from tests.faults.reader import Reader, state
from tests.faults.shop import BY_ID, BY_STATE, COUNTS, SALES, STORES, WRITTEN, Shop, shop
from tests.loader.handmade import NAME
from tests.loader.manifests import Manifest
from tests.loader.running import Loader, connect, content, mark_end

CUSTOMERS, PRODUCTS = "customer_order_history", "product_purchase_details"


@pytest.fixture(scope="module")
def ranged(
    servers: Endpoints, manifest: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A published shop sharded by state, then key."""
    with shop(servers, manifest, tmp_path_factory.mktemp("sync"), "test_sync", shard_key=BY_STATE) as found:
        found.load()
        yield found


@pytest.fixture
def published(ranged: Shop) -> Shop:
    """The shop, published with its first rows and declaration."""
    warehouse = ranged.loader.warehouse
    STORES.create(warehouse, "stores")
    SALES.create(warehouse, "sales")
    ranged.load("--max-delete-share", "1")
    return ranged


def test_nothing_is_written_when_nothing_changed(published: Shop) -> None:
    with published.watched() as changes:
        load = published.planned_load()
    assert (load["mode"], load["unchanged"]) == ("sync", 200)
    assert changes == []


def test_exactly_the_documents_that_differ_are_written(published: Shop) -> None:
    published.sql("update sales set amount = 0.5 where store_id = 7 and sale_id = 2")
    published.sql("update stores set city = 'Århus' where store_id = 150")
    published.sql("delete from stores where store_id = 3")
    published.sql("delete from sales where store_id = 3")
    published.sql("insert into stores values (1000, 'WA', 'New', 1)")
    with published.watched() as changes:
        load = published.planned_load()
    assert [load[name] for name in ("inserted", "replaced", "deleted", "unchanged")] == [1, 2, 1, 197]
    assert sorted(changes) == [("delete", 3), ("insert", 1000), ("replace", 7), ("replace", 150)]
    assert published.loader.run("verify").code == 0
    found = published.documents[NAME].find_one({"_id": 150})
    assert found is not None
    assert found["city"] == "Århus"


def test_one_customers_city_changes_exactly_the_documents_that_contain_it(
    servers: Endpoints, mongo_database: str, tmp_path: Path
) -> None:
    """A change of the source goes through dbt's build. Plan and load find these documents and no others."""
    built = moved_on_copy(servers, tmp_path, "test_one_city")
    loader = Loader(built, servers.mongo_uri, mongo_database)
    select = ("--select", CUSTOMERS, "--select", PRODUCTS)
    loader.done("load", *select)
    ((customer, bought),) = built.query(
        "select customer_id, json_arrayagg(product_id) from fct_product_purchases group by customer_id "
        "having count(*) > 1 order by count(*), customer_id limit 1"
    )
    built.query(
        f"update `{built.pos_schema}`.customer set zip = (select zip from `{built.pos_schema}`.city "
        f"where city = 'HOUSTON' limit 1) where id = {customer}"
    )
    built.dbt("build")
    plan = loader.run("plan", "--json", "--quiet", *select).json["collections"]
    with connect(servers.mongo_uri) as client, client[mongo_database].watch() as stream:
        load = loader.done("load", "--json", "--quiet", *select).json["collections"]
        end = mark_end(client[mongo_database])
        written = set()
        for change in stream:
            if change["documentKey"]["_id"] == end:
                break
            if not change["ns"]["coll"].startswith("pos_loader_"):
                written.add((change["operationType"], change["ns"]["coll"], change["documentKey"]["_id"]))
    assert written == {("replace", CUSTOMERS, customer)} | {
        ("replace", PRODUCTS, product) for product in json.loads(bought)
    }
    for planned, loaded in zip(plan, load, strict=True):
        assert [planned[name] for name in COUNTS] == [loaded[name] for name in WRITTEN]
        assert planned["replace"] == sum(name == planned["name"] for _, name, _ in written)
        assert {each["path"].rsplit(".")[-1] for each in planned["examples"]} <= {"city", "state", "zip"}
    assert loader.run("plan", *select).code == 0


def test_documents_move_with_their_shard_key(published: Shop) -> None:
    """Keys change from one value to another, from none to one, and from one to none. No document is lost."""
    published.sql("update stores set state = 'ZZ' where store_id = 6")  # NY
    published.sql("update stores set state = 'AA' where store_id = 9")  # none
    published.sql("update stores set state = null where store_id = 11")  # NY
    published.sql("update stores set revenue = 0 where store_id = 14")  # none, and stays so
    with published.watched() as changes:
        load = published.planned_load()
    assert (load["replaced"], load["unchanged"]) == (4, 196)
    assert {key for _, key in changes} == {6, 9, 11, 14}
    published.loader.done("verify")
    states = {each["_id"]: each.get("state") for each in published.documents[NAME].find()}
    assert (len(states), states[6], states[9], states[11]) == (200, "ZZ", "AA", None)
    assert published.documents[NAME].count_documents({"state": "ZZ"}) == 1


def test_an_address_that_prefers_secondaries_is_read_from_primaries(published: Shop) -> None:
    """A transaction reads from the primary only, and a secondary may lag behind what is to be verified."""
    published.sql("update stores set city = concat(city, ' again') where store_id = 8")
    uri = f"{published.loader.mongo_uri}/?readPreference=secondaryPreferred"
    loaded = replace(published.loader, mongo_uri=uri).done("load", "--no-gate", "--json")
    assert loaded.json["collections"][0]["replaced"] == 1


def test_readers_see_all_of_a_sync_or_nothing(published: Shop) -> None:
    """The sync covers both shards. Readers use read concern snapshot, as reads of several documents must."""
    before = state(published.documents, NAME)
    published.sql("update stores set revenue = revenue + 1, state = if(store_id % 7, state, 'MM')")
    published.sql("update sales set amount = amount - 1 where sale_id = 1")
    other = replace(published.loader, database=f"{published.documents.name}_fresh")
    fresh = published.documents.client[other.database]
    try:
        other.done("load", "--no-gate")
        after = state(fresh, NAME)
        assert before != after
        with Reader(other.mongo_uri, published.documents.name, {NAME: {before, after}}) as reader:
            load = published.planned_load()
        assert load["replaced"] == 200
        assert not reader.faults
        assert not reader.retried
        assert reader.reads > 10
        assert content(published.documents, NAME) == content(fresh, NAME)
    finally:
        fresh.client.drop_database(fresh.name)


def test_many_deletes_are_refused_until_they_are_allowed(published: Shop) -> None:
    published.sql("delete from sales where store_id > 150")
    published.sql("delete from stores where store_id > 150")
    with published.watched() as changes:
        line = published.refused(code=1)
        assert published.plan()["mode"] == "blocked"
    assert changes == []
    assert line == (
        "50 of 200 documents of handmade have left the source, more than max_delete_share 0.1 (nothing was "
        "written); check the source; allow it once with --max-delete-share 1, or declare it"
    )
    published.declare(max_delete_share=0.25)
    assert published.planned_load()["deleted"] == 50
    published.declare(max_delete_share=0.1)


def test_an_empty_source_deletes_nothing(published: Shop) -> None:
    published.sql("delete from sales")
    published.sql("delete from stores")
    before = content(published.documents, NAME)
    line = published.refused("--max-delete-share", "1", code=1)
    assert line.startswith("model stores has no rows (table test_sync.stores, collection handmade)")
    assert published.refused("--allow-empty", code=1).startswith("200 of 200 documents of handmade have left")
    assert content(published.documents, NAME) == before


def test_indexes_and_validator_change_live(published: Shop) -> None:
    published.declare(indexes=[{"keys": {"city": 1}}, {"keys": {"sales.amount": 1}}])
    assert published.plan()["indexes_add"] == ["city_1", "sales.amount_1"]
    with published.watched() as changes:
        assert published.load()["unchanged"] == 200
    published.declare(indexes=[{"keys": {"city": -1}, "name": "city_1"}], exclude=["revenue"])
    plan = published.plan()
    assert (plan["indexes_add"], plan["indexes_drop"]) == (["city_1"], ["sales.amount_1", "city_1"])
    assert (plan["validator"], plan["replace"], plan["examples"][0]["path"]) == (True, 200, "revenue")
    assert published.load()["replaced"] == 200
    assert [change for change in changes if change[0] not in ("createIndexes", "modify")] == []
    indexes = {name: each["key"] for name, each in published.documents[NAME].index_information().items()}
    assert indexes["city_1"] == [("city", -1)]
    assert "sales.amount_1" not in indexes
    rules = published.documents[NAME].options()["validator"]["$jsonSchema"]["properties"]
    assert "revenue" not in rules
    assert published.plan()["mode"] == "sync"
    published.declare(indexes=[], exclude=[])


def test_another_shard_key_asks_for_a_full_refresh(published: Shop) -> None:
    published.declare(shard_key=BY_ID)
    line = (
        "collection handmade: shard key is state: 1, _id: 1, declared _id: hashed (a live collection cannot "
        "take that); run pos-loader load --full-refresh"
    )
    assert published.refused(code=2) == line
    assert published.plan()["reason"] == line
    published.planned_load("--full-refresh")
    entry = published.documents.client["config"]["collections"].find_one({"_id": f"test_sync.{NAME}"})
    assert entry is not None
    assert entry["key"] == {"_id": "hashed"}
    published.declare(shard_key=BY_STATE)
    published.load("--full-refresh")
