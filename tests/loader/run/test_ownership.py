"""The target is shared: what the loader did not publish, it neither drops nor changes unless told to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bson import json_util
from bson.int64 import Int64

from pos_loader.publish import builds, live_layout, sync
from pos_loader.publish import records as published_
from pos_loader.publish.records import PUBLISHED
from pos_loader.run import ownership
from pos_loader.servers import mongo
from pos_sandbox.cluster import Endpoints
from tests.faults.shop import BY_ID, BY_STATE, SALES, STORES, Shop, shop
from tests.loader.handmade import NAME
from tests.loader.manifests import Manifest
from tests.loader.running import ERROR, Finished, Loader, connect, content, left_behind

pytestmark = pytest.mark.native

EARLIER = Path(__file__).with_name("earlier_version.json")
"""What the last version without records left: a collection with its audit tables, taken from servers."""
SPACE = f"test_ownership.{NAME}"
EVERY_MODE: Sequence[tuple[str, ...]] = ((), ("--full-refresh",), ("--resume",), ("--retry-rejects",))
INDEXES = [{"keys": {"city": 1}}]


@pytest.fixture(scope="module")
def owned(servers: Endpoints, manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("ownership")
    with shop(servers, manifest, folder, "test_ownership", indexes=INDEXES) as found:
        yield replace(found, loader=InProcess(**vars(found.loader)))


@pytest.fixture(scope="module")
def owned_in_shards(owned: Shop, cluster: Endpoints) -> Iterator[Shop]:
    """The same shop, published to the sharded cluster."""
    loader = replace(owned.loader, mongo_uri=cluster.mongo_uri)
    with connect(loader.mongo_uri) as client:
        yield replace(owned, loader=loader, documents=client[loader.database])
        client.drop_database(loader.database)


class InProcess(Loader):
    """Runs within the tests' process, which spares many starts of Python."""

    def run(self, *arguments: str, **environment: str) -> Finished:
        return self.invoke(*arguments, **environment)


def emptied(owned: Shop) -> Shop:
    """The shop with nothing published, and no load known to have published anything."""
    owned.documents.client.drop_database(owned.documents.name)
    owned.sql("drop table if exists pos_loader_runs, pos_loader_collections")
    owned.declare(indexes=INDEXES, drop_indexes=[], exclude=[], shard_key="none")
    return owned


@pytest.fixture
def empty(owned: Shop) -> Shop:
    return emptied(owned)


@pytest.fixture
def empty_in_shards(owned_in_shards: Shop) -> Shop:
    return emptied(owned_in_shards)


@pytest.fixture
def published(empty: Shop) -> Shop:
    empty.load()
    return empty


def index_names(shop: Shop) -> set[str]:
    return set(shop.documents[NAME].index_information())


def record(shop: Shop) -> Any:
    (found,) = shop.documents[PUBLISHED].find({"namespace": SPACE})
    return found


def uuid(shop: Shop) -> Any:
    (found,) = shop.documents.list_collections(filter={"name": NAME})
    return found["info"]["uuid"]


@pytest.mark.parametrize("options", EVERY_MODE)
def test_a_foreign_collection_is_refused_in_every_mode(empty: Shop, options: tuple[str, ...]) -> None:
    empty.documents[NAME].insert_many([{"_id": number, "theirs": True} for number in range(3)])
    empty.documents[NAME].create_index("theirs", expireAfterSeconds=3600)
    rejects = empty.loader.warehouse.target_path / "rejects" / f"{NAME}.jsonl"
    rejects.parent.mkdir(exist_ok=True)
    rejects.write_text('{"key": 2}\n')
    before = content(empty.documents, NAME), index_names(empty)
    line = empty.refused(*options, code=1)
    rejects.unlink()
    assert line.startswith(
        f"collection {SPACE} was not published by this loader, and holds 3 documents (MongoDB at "
    )
    assert line.endswith("); publish under another name, or take it over with --adopt handmade")
    assert (content(empty.documents, NAME), index_names(empty)) == before
    if options in ((), ("--full-refresh",)):
        assert empty.plan(*options)["reason"] == line


def test_an_adopted_collection_keeps_its_documents_and_indexes(empty_in_shards: Shop) -> None:
    empty = empty_in_shards
    collection = empty.documents[NAME]
    collection.insert_many([{"_id": number, "theirs": True} for number in (1, 2, 5000, "mine")])
    collection.create_index("theirs")
    adopt = ("--adopt", NAME)
    empty.declare(shard_key=BY_ID)
    assert "(a live collection cannot take that); run pos-loader load --full-refresh --adopt handmade" in (
        empty.refused(*adopt, code=2)
    )
    line = empty.refused("--full-refresh", *adopt, code=1)
    assert line.startswith(
        "2 of 4 documents of handmade have left the source, more than max_delete_share 0.1"
    )
    assert collection.count_documents({}) == 4
    load = empty.planned_load("--full-refresh", *adopt, "--max-delete-share", "0.5")
    assert [load[name] for name in ("inserted", "replaced", "deleted", "unchanged")] == [198, 2, 2, 0]
    assert load["notes"] == [
        "adopted: the loader did not publish this collection",
        "index theirs_1 is not the loader's and stays",
        "shard key is none, declared _id: hashed: rebuilt as declared",
        "the validator is set as declared",
    ]
    assert (load["indexes_added"], load["indexes_kept"]) == (["city_1"], ["theirs_1"])
    assert index_names(empty) == {"_id_", "_id_hashed", "city_1", "theirs_1"}
    assert empty.load()["unchanged"] == 200, "adopted once is adopted"


def test_an_adoption_names_a_collection_that_is_selected(empty: Shop) -> None:
    line = empty.refused("--adopt", "other", code=2)
    assert line == "no collection other (--adopt); selected are: handmade"
    assert empty.load("--adopt", "all")["notes"] == []


@pytest.mark.parametrize("shard_key", [BY_ID, "none"])
def test_what_is_published_is_recorded_by_its_uuid(empty_in_shards: Shop, shard_key: Any) -> None:
    published = empty_in_shards
    published.declare(shard_key=shard_key)
    published.load()
    load = published.load()
    found = record(published)
    assert (found["_id"], found["load_id"]) == (uuid(published), published.loader_results()["load_id"])
    assert [each["name"] for each in found["indexes"]] == ["city_1"]
    assert str(found["_id"].as_uuid()) == load["uuid"]
    for options in (("--full-refresh",), ()):
        published.load(*options)
        assert record(published)["_id"] == uuid(published)
    assert published.sql("select count(*), count(collection_uuid) from pos_loader_collections") == [(4, 4)]


def test_one_that_takes_its_place_is_foreign(published: Shop) -> None:
    """As a restored backup is; the audit tables of its load do not make it ours."""
    loads = record(published)["load_id"]
    documents = list(published.documents[NAME].find())
    options = published.documents[NAME].options()
    published.documents[NAME].drop()
    published.documents.create_collection(NAME, **options)
    published.documents[NAME].insert_many(documents)
    line = published.refused(code=1)
    assert line.startswith(
        f"collection {SPACE} is not the one that load {loads} published, and holds 200 doc"
    )
    shown = published.loader.done("status", "--json").json["collections"][0]
    assert (shown["published"], shown["foreign"], shown["dbt_invocation"]) == (False, True, "")
    assert "no, not by this loader" in published.loader.done("status").stdout
    published.documents[PUBLISHED].drop()
    assert "was not published by this loader" in published.refused("--full-refresh", code=1)
    load = published.load("--full-refresh", "--adopt", "all")
    assert [load[name] for name in ("inserted", "replaced", "deleted")] == [0, 200, 0]


def test_documents_that_a_full_refresh_drops_are_deletes(published: Shop) -> None:
    theirs: list[Any] = ["text", 7000, 7.5, {"a": 1}, None]
    published.documents[NAME].insert_many(
        [{"_id": each, "sales": []} for each in theirs], bypass_document_validation=True
    )
    published.sql("delete from sales where store_id > 190")
    published.sql("delete from stores where store_id > 190")
    published.sql("insert into stores values (300, 'CA', 'New', 1)")
    line = published.refused("--full-refresh", "--max-delete-share", "0.05", code=1)
    assert line.startswith("15 of 205 documents of handmade have left the source")
    assert published.documents[NAME].count_documents({}) == 205
    load = published.planned_load("--full-refresh", "--partition-rows", "50")
    assert [load[name] for name in ("inserted", "replaced", "deleted", "unchanged")] == [1, 190, 15, 0]
    STORES.create(published.loader.warehouse, "stores")
    SALES.create(published.loader.warehouse, "sales")


def test_indexes_of_others_stay_and_are_named(published: Shop) -> None:
    published.documents[NAME].create_index("revenue", sparse=True)
    published.documents[NAME].create_index([("city", "text")], default_language="danish")
    assert published.plan()["indexes_keep"] == ["revenue_1", "city_text"]
    for options in ((), ("--full-refresh",)):
        load = published.planned_load(*options)
        assert (load["indexes_kept"], load["indexes_dropped"]) == (["revenue_1", "city_text"], [])
        found = published.documents[NAME].index_information()
        assert found["revenue_1"]["sparse"] is True
        assert found["city_text"]["default_language"] == "danish"
    lines = published.loader.run("plan", "--no-gate", "--quiet").stdout
    assert "  = index revenue_1 is not the loader's and stays\n" in lines

    published.declare(drop_indexes=["revenue_1", "nothing"])
    assert published.plan()["indexes_drop"] == ["revenue_1"]
    load = published.load()
    assert (load["indexes_kept"], load["indexes_dropped"]) == (["city_text"], ["revenue_1"])
    assert index_names(published) == {"_id_", "city_1", "city_text"}
    published.declare(drop_indexes=["city_text"])
    assert published.load("--full-refresh")["indexes_dropped"] == ["city_text"]
    assert index_names(published) == {"_id_", "city_1"}


@pytest.mark.parametrize(
    ("options", "harm"),
    [
        ({"expireAfterSeconds": 60}, "would delete documents (expireAfterSeconds)"),
        ({"unique": True}, "would refuse documents (unique)"),
    ],
)
def test_an_index_of_others_that_harms_documents_is_refused(
    published: Shop, options: dict[str, Any], harm: str
) -> None:
    name = (
        published.documents[NAME].create_index([("_id", 1), ("revenue", 1)], **options)
        if ("unique" in options)
        else published.documents[NAME].create_index("revenue", **options)
    )
    for mode in ((), ("--full-refresh",)):
        line = (
            f"index {name} {harm} ({SPACE}, not made by the loader); declare it, drop it, or list it under "
            f"drop_indexes: [{name}]"
        )
        assert published.refused(*mode, code=1) == line
    keys = {"_id": 1, "revenue": 1} if "unique" in options else {"revenue": 1}
    published.declare(indexes=[*INDEXES, {"keys": keys, **options}])
    assert published.load()["indexes_dropped"] == []
    published.declare(indexes=INDEXES)
    assert published.refused(code=1) == line, "declared for a while, it is still somebody's"
    published.declare(drop_indexes=[name])
    assert published.load()["indexes_dropped"] == [name]
    assert name not in index_names(published)


def test_an_index_of_others_in_the_way_of_a_declared_one(published: Shop) -> None:
    published.documents[NAME].create_index("state", name="by_state")
    published.documents[NAME].create_index("revenue", name="worth")
    published.declare(indexes=[*INDEXES, {"keys": {"state": -1}, "name": "by_state"}])
    assert published.refused(code=1) == (
        f"index by_state is on state: 1, declared state: -1 ({SPACE}, not made by the loader); declare "
        "another name, drop it, or list it under drop_indexes: [by_state]"
    )
    published.declare(indexes=[*INDEXES, {"keys": {"revenue": 1}}])
    assert published.refused("--full-refresh", code=1) == (
        f"index worth is in the way of the declared index revenue_1 ({SPACE}, not made by the loader); "
        "declare it as it is, with its name, drop it, or list it under drop_indexes: [worth]"
    )
    published.declare(
        indexes=[*INDEXES, {"keys": {"state": -1}, "name": "by_state"}, {"keys": {"revenue": 1}}],
        drop_indexes=["by_state", "worth"],
    )
    load = published.load()
    assert (load["indexes_dropped"], load["indexes_added"]) == (
        ["worth", "by_state"],
        ["by_state", "revenue_1"],
    )
    published.declare(indexes=INDEXES)
    assert published.load()["indexes_dropped"] == ["by_state", "revenue_1"], "what we made goes"


def test_our_index_that_somebody_made_another_of_is_theirs(published: Shop) -> None:
    published.documents[NAME].drop_index("city_1")
    published.documents[NAME].create_index("city", expireAfterSeconds=5)
    assert published.refused("--full-refresh", code=1) == (
        f"index city_1 has expireAfterSeconds 5, declared None ({SPACE}, not made by the loader); declare "
        "another name, drop it, or list it under drop_indexes: [city_1]"
    )
    published.declare(indexes=[])
    assert "index city_1 would delete documents" in published.refused(code=1)


def test_a_validator_of_others_stays_and_is_named(published: Shop) -> None:
    theirs = {"sales": {"$exists": True}}
    published.documents.command("collMod", NAME, validator=theirs, validationLevel="moderate")
    published.documents.command("collMod", NAME, changeStreamPreAndPostImages={"enabled": True})
    assert "the validator is not the loader's and stays" in published.plan()["notes"]
    for options in ((), ("--full-refresh",)):
        load = published.planned_load(*options)
        assert load["notes"] == ["the validator is not the loader's and stays"]
        found = published.documents[NAME].options()
        assert (found["validator"], found["validationLevel"]) == (theirs, "moderate")
        assert found["changeStreamPreAndPostImages"] == {"enabled": True}
    published.documents.command("collMod", NAME, validator={"_id": {"$lt": 100}})
    line = published.refused("--full-refresh", code=1)
    assert line.startswith("a document does not pass the validator, which the loader did not make: _id ")
    published.documents.command("collMod", NAME, validator={})
    assert published.load()["notes"] == ["the validator is set as declared"]
    assert "$jsonSchema" in published.documents[NAME].options()["validator"]
    assert published.load()["notes"] == []


def test_our_validator_changes_with_the_declaration(published: Shop) -> None:
    published.declare(exclude=["revenue"])
    assert published.load("--full-refresh")["notes"] == ["the validator is set as declared"]
    published.declare(exclude=[])
    assert published.load()["notes"] == ["the validator is set as declared"]
    assert published.load()["notes"] == []


def test_what_only_has_the_name_of_a_build_stays(published: Shop) -> None:
    theirs = f"{NAME}__build_0123456789abcdef"
    published.documents[theirs].insert_one({"_id": 1})
    finished = published.loader.done("load", "--no-gate", "--full-refresh")
    assert f"handmade: {theirs} is named like a build, but no load's; it stays\n" in finished.stderr
    assert published.documents[theirs].count_documents({}) == 1


def test_our_own_collection_may_change_its_shard_key(empty_in_shards: Shop) -> None:
    published = empty_in_shards
    published.load()
    published.declare(shard_key=BY_STATE)
    assert "run pos-loader load --full-refresh" in published.refused(code=2)
    load = published.planned_load("--full-refresh")
    assert load["notes"] == ["shard key is none, declared state: 1, _id: 1: rebuilt as declared"]
    assert index_names(published) == {"_id_", "city_1", "state_1__id_1"}


@pytest.fixture
def earlier(empty_in_shards: Shop) -> Iterator[Shop]:
    """The shop of five stores, as the last version without records left it."""
    empty = empty_in_shards
    left = json.loads(EARLIER.read_text(encoding="utf-8").replace("{database}", empty.documents.name))
    empty.documents.create_collection(NAME, **left["options"])
    empty.documents.client.admin.command("shardCollection", SPACE, key=left["shard_key"])
    empty.documents.command("createIndexes", NAME, indexes=left["indexes"])
    documents = json_util.loads(json.dumps(left["documents"]))
    for each in documents:
        each["_id"] = Int64(each["_id"])
        each["sales"] = [{**sale, "sale_id": Int64(sale["sale_id"])} for sale in each["sales"]]
    empty.documents[NAME].insert_many(documents)
    for table in left["tables"]:
        empty.sql(table)
    for table in ("pos_loader_runs", "pos_loader_collections"):
        for row in left[table]:
            empty.loader.warehouse.query(
                f"insert into {table} values ({', '.join(['%s'] * len(row))})", [row]
            )
    warehouse = empty.loader.warehouse
    warehouse.query("delete from sales where store_id > 5")
    warehouse.query("delete from stores where store_id > 5")
    warehouse.query("update stores set city = 'Other' where store_id = 3")
    empty.declare(indexes=[*INDEXES, {"keys": {"sales.amount": 1}, "sparse": True}], shard_key=BY_ID)
    yield empty
    STORES.create(warehouse, "stores")
    SALES.create(warehouse, "sales")


def test_what_an_earlier_version_published_is_recognised(earlier: Shop) -> None:
    earlier.documents[NAME].create_index("state")
    was = uuid(earlier)
    assert earlier.plan()["indexes_keep"] == ["state_1"]
    load = earlier.planned_load()
    assert (load["mode"], load["unchanged"], load["indexes_dropped"]) == ("sync", 5, [])
    assert load["notes"] == [
        "recognised by the audit tables as published by an earlier version",
        "index state_1 is not the loader's and stays",
    ]
    assert record(earlier)["_id"] == uuid(earlier) == was
    assert [each["name"] for each in record(earlier)["indexes"]] == ["city_1", "sales.amount_1"]
    earlier.declare(indexes=[])
    assert earlier.load()["indexes_dropped"] == ["city_1", "sales.amount_1"]


@pytest.mark.parametrize("options", [("--full-refresh",), ("--resume",)])
def test_a_full_refresh_of_what_an_earlier_version_published(earlier: Shop, options: tuple[str, ...]) -> None:
    load = earlier.load(*options)
    assert load["notes"][0] == "recognised by the audit tables as published by an earlier version"
    assert earlier.load("--full-refresh")["replaced"] == 5


def test_what_only_has_the_name_of_what_an_earlier_version_published(earlier: Shop) -> None:
    earlier.documents[NAME].drop()
    earlier.documents[NAME].insert_one({"_id": "theirs"})
    assert "was not published by this loader, and holds 1 documents" in earlier.refused(code=1)


def test_the_audit_of_this_version_recognises_only_its_own(earlier: Shop) -> None:
    earlier.load()
    earlier.documents[PUBLISHED].drop()
    assert earlier.load()["unchanged"] == 5, "the audit knows the UUID"
    documents, options = list(earlier.documents[NAME].find()), earlier.documents[NAME].options()
    earlier.documents.client.drop_database(earlier.documents.name)
    earlier.documents.create_collection(NAME, **options)
    earlier.documents[NAME].insert_many(documents)
    assert "was not published by this loader, and holds 5 documents" in earlier.refused(code=1)


POINTS = [
    (builds, "rename"),
    (published_, "forget_gone"),
    (builds, "forget"),
    (ownership, "require_unreplaced"),
]


@pytest.mark.parametrize(("module", "name"), POINTS, ids=[name for _, name in POINTS])
@pytest.mark.parametrize("is_done", [False, True])
def test_a_full_refresh_killed_at_any_point_leaves_what_is_ours_ours(
    published: Shop, module: ModuleType, name: str, is_done: bool
) -> None:
    """Before and after each step of the publication; an index of others and our own stay what they are."""
    published.documents[NAME].create_index("state")
    kill(module, name, published, ("--full-refresh",), is_done=is_done)
    published.declare(indexes=[])
    load = published.load()
    assert (load["indexes_dropped"], load["indexes_kept"]) == (["city_1"], ["state_1"])
    assert record(published)["_id"] == uuid(published)
    assert left_behind(published.documents) + list(published.documents[builds.BUILDS].find()) == []


def test_a_rename_that_lands_after_its_load_was_killed_leaves_what_is_ours_ours(published: Shop) -> None:
    """MongoDB finishes the rename of a killed load, here while the next load drops the build."""
    published.sql("update stores set city = concat(city, '.') where store_id = 3")
    kill(builds, "rename", published, ("--full-refresh",), is_done=False)
    before, drop = uuid(published), builds.drop

    def land_and_drop(database: mongo.Database, build: str) -> None:
        if build.startswith(f"{NAME}__build_"):
            builds.rename(database.client, database.name, build, NAME)
        drop(database, build)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builds, "drop", land_and_drop)
        load = published.load()
    assert load["unchanged"] == load["documents"] > 0
    assert record(published)["_id"] == uuid(published) != before
    assert left_behind(published.documents) + list(published.documents[builds.BUILDS].find()) == []


@pytest.mark.parametrize(
    ("module", "name"), [(live_layout, "amend"), (published_, "settle"), (sync, "apply")]
)
@pytest.mark.parametrize("is_done", [False, True])
def test_a_sync_killed_at_any_point_leaves_what_is_ours_ours(
    published: Shop, module: ModuleType, name: str, is_done: bool
) -> None:
    published.declare(indexes=[{"keys": {"revenue": 1}}, {"keys": {"city": -1}, "name": "city_1"}])
    published.sql("update stores set city = concat(city, '.') where store_id = 3")
    kill(module, name, published, (), is_done=is_done)
    load = published.load()
    assert load["notes"] in ([], ["index city_1 is dropped"])
    published.declare(indexes=[])
    assert published.load()["indexes_dropped"] == ["revenue_1", "city_1"]
    assert published.load()["indexes_kept"] == []


class Killed(BaseException):
    """An end that the loader does not know, so that it clears nothing up; an interruption it would."""


def kill(module: ModuleType, name: str, shop: Shop, options: tuple[str, ...], *, is_done: bool) -> None:
    """Load, and end at a call of a function, before or after it: nothing is cleared up, as after a kill."""
    real = getattr(module, name)

    def killed(*arguments: Any, **named: Any) -> None:
        if is_done:
            real(*arguments, **named)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, killed)
        assert shop.loader.run("load", "--no-gate", "--quiet", *options).code != 0


def refusals(shop: Shop, *options: str) -> list[str]:
    """Load, which has to fail, and return its lines."""
    finished = shop.loader.run("load", "--no-gate", "--quiet", *options)
    assert finished.code == 1, finished
    return [line.removeprefix(ERROR) for line in finished.stderr.splitlines()]


def test_buckets_have_owners_too(empty: Shop) -> None:
    buckets = empty.documents[f"{NAME}_sales_overflow"]
    buckets.insert_one({"_id": "theirs"})
    embedded = {"model": "sales", "order_by": ["sale_id"]}
    empty.declare(embed={"sales": {**embedded, "max_items": 1, "on_overflow": "overflow"}})
    try:
        held, line = refusals(empty, "--full-refresh")
        assert held.startswith("handmade is not published: held back, because handmade.sales of its group")
        assert line.startswith(
            f"handmade.sales is not published: collection {buckets.full_name} was not published by this "
            "loader, and holds 1"
        )
        assert line.endswith("take it over with --adopt handmade.sales")
        _, line = refusals(empty, "--full-refresh", "--adopt", NAME)
        assert line.startswith(
            "handmade.sales is not published: 1 of 1 documents of handmade.sales have left the source"
        )
        finished = empty.loader.done(
            "load", "--no-gate", "--json", "--adopt", "handmade.sales", "--max-delete-share", "1"
        )
        assert {each["name"]: each["deleted"] for each in finished.json["collections"]} == {
            "handmade": 0,
            "handmade.sales": 1,
        }
        empty.loader.done("load", "--no-gate", "--full-refresh")
    finally:
        empty.declare(embed={"sales": embedded})


def test_what_is_recognised_stays_so_when_a_full_refresh_is_killed(earlier: Shop) -> None:
    kill(builds, "rename", earlier, ("--full-refresh",), is_done=False)
    assert earlier.load()["unchanged"] == 5
