"""One faulty collection does not hold back the others; a declared group publishes all or none."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pos_sandbox.cluster import Endpoints
from tests.faults.shop import MARTS, Shop, shop
from tests.loader.handmade import NAME, Mart
from tests.loader.manifests import Manifest
from tests.loader.running import Finished, left_behind

pytestmark = pytest.mark.native

EMPTY = Mart({"month": "bigint", "revenue": "decimal(19,4)"}, ("month",))
GOOD: Manifest = {"root": "stores", "key": "store_id", "shard_key": {"_id": "hashed"}}
MONTHS: Manifest = {"root": "months", "key": "month", "shard_key": "none"}
NO_ROWS = "model months has no rows"


def declaring(made: Shop, **declared: Manifest) -> None:
    """Declare these collections, of all the marts, instead of the one."""

    def change(content: Manifest) -> None:
        template = next(iter(content["exposures"].values()))
        content["exposures"] = {}
        for name, mongo in declared.items():
            key = f"exposure.pos.{name}"
            content["exposures"][key] = {
                **copy.deepcopy(template),
                "name": name,
                "unique_id": key,
                "meta": {"mongo": mongo},
            }

    made.change_manifest(change)


@pytest.fixture
def made(servers: Endpoints, manifest: Manifest, tmp_path: Path) -> Iterator[Shop]:
    with shop(servers, manifest, tmp_path, "test_partial", marts={**MARTS, "months": EMPTY}) as one:
        yield one


def load(made: Shop, *options: str) -> tuple[Finished, dict[str, Any]]:
    finished = made.loader.run("load", "--no-gate", "--quiet", "--json", *options)
    return finished, {each["name"]: each for each in finished.json["collections"]}


def test_a_faulty_collection_stays_and_the_others_are_published(made: Shop) -> None:
    declaring(made, first=GOOD, monthly=MONTHS, viewed=GOOD)
    made.documents.command("create", "viewed", viewOn="first", pipeline=[])
    finished, found = load(made)
    assert finished.code == 1
    assert [(name, each["mode"]) for name, each in found.items()] == [
        ("first", "full refresh"),
        ("monthly", "failed"),
        ("viewed", "failed"),
    ]
    errors = [line.removeprefix("pos-loader: error: ") for line in finished.stderr.splitlines()]
    assert [line.partition(" (")[0] for line in errors] == [
        f"monthly is not published: {NO_ROWS}",
        "viewed is not published: test_partial.viewed is a view; publish under another name",
    ]
    assert "allow_empty: true in meta.mongo, or --allow-empty once" in errors[0]
    assert found["monthly"]["error"] in errors[0]
    assert finished.json["status"] == "failed"
    assert finished.json["error"].startswith(f"2 of 3 collections failed: monthly: {NO_ROWS}; viewed: ")
    assert made.documents["first"].count_documents({}) == 200
    assert left_behind(made.documents) == []
    audited = dict(made.sql("select collection, error from pos_loader_collections"))
    assert audited["first"] is None
    assert audited["monthly"] == found["monthly"]["error"]

    status = made.loader.run("status", "--quiet", "--json")
    assert status.code == 1
    shown = {each["name"]: each for each in status.json["collections"]}
    assert shown["viewed"]["fault"].startswith("test_partial.viewed is a view")
    assert (shown["first"]["published"], shown["first"]["fault"]) == (True, "")
    assert shown["first"]["dbt_invocation"] == finished.json["dbt_invocation"]
    assert (
        made.loader.run("status")
        .stderr.splitlines()[-1]
        .startswith("pos-loader: error: viewed: test_partial")
    )

    planned = made.loader.run("plan", "--no-gate", "--quiet", "--json")
    modes = {each["name"]: each["mode"] for each in planned.json["collections"]}
    assert modes == {"first": "sync", "monthly": "blocked", "viewed": "blocked"}
    said = made.loader.run("plan", "--no-gate", "--quiet").stdout.splitlines()[-1]
    assert said.startswith("Plan: 0 of 3 collections to change, 2 blocked, which a load would leave as they")

    verified = made.loader.run("verify", "--quiet", "--json")
    assert verified.code == 1
    verify = {each["name"]: each["mode"] for each in verified.json["collections"]}
    assert verify == {"first": "verify", "monthly": "failed", "viewed": "failed"}


def test_a_group_publishes_all_or_none(made: Shop) -> None:
    declaring(
        made,
        alone=GOOD,
        first={**GOOD, "all_or_none": "reports"},
        monthly={**MONTHS, "all_or_none": "reports"},
    )
    finished, found = load(made)
    assert finished.code == 1
    assert {name: each["mode"] for name, each in found.items()} == {
        "alone": "full refresh",
        "first": "failed",
        "monthly": "failed",
    }
    assert found["first"]["error"] == (
        "held back, because monthly of its group is not published (all_or_none reports); see monthly"
    )
    assert {*made.documents.list_collection_names()} & {"first", "monthly"} == set()
    planned = made.loader.run("plan", "--no-gate", "--quiet", "--json")
    modes = {each["name"]: each["mode"] for each in planned.json["collections"]}
    assert modes == {"alone": "sync", "first": "blocked", "monthly": "blocked"}

    part = made.loader.run("load", "--no-gate", "--quiet", "--select", "first")
    assert (part.code, part.error) == (
        2,
        "first is of the all_or_none group reports, and monthly is not selected (--select); "
        "add --select monthly",
    )
    finished, found = load(made, "--allow-empty")
    assert finished.code == 0
    assert {each["mode"] for each in found.values()} == {"full refresh", "sync"}


def test_a_group_of_syncs_that_mongodb_refuses_in_part_is_not_written_at_all(made: Shop) -> None:
    declaring(
        made,
        first={**GOOD, "all_or_none": "reports"},
        second={**GOOD, "all_or_none": "reports", "indexes": [{"keys": {"_id": 1, "city": 1}}]},
        third=GOOD,
    )
    assert load(made)[0].code == 0
    for name in ("first", "second", "third"):
        made.documents.command(
            "collMod", name, validator={"city": {"$ne": "gone"}} if name == "second" else {}
        )
    made.sql("update stores set city = 'gone' where store_id = 7")
    refused, found = load(made)
    assert refused.code == 1
    assert [found[name]["mode"] for name in ("first", "second", "third")] == ["failed", "failed", "sync"]
    written = [
        made.documents[name].count_documents({"city": "gone"}) for name in ("first", "second", "third")
    ]
    assert written == [0, 0, 1]


def test_buckets_and_their_documents_are_held_back_together(made: Shop) -> None:
    embed = {"sales": {"model": "sales", "order_by": ["sale_id"], "max_items": 1, "on_overflow": "overflow"}}
    declaring(made, first=GOOD, stores={**GOOD, "embed": embed})
    made.documents.command("create", "stores_sales_overflow", viewOn="first", pipeline=[])
    finished, found = load(made)
    assert finished.code == 1
    assert {name: each["mode"] for name, each in found.items()} == {
        "first": "full refresh",
        "stores": "failed",
        "stores.sales": "failed",
    }
    assert found["stores"]["error"] == (
        "held back, because stores.sales of its group is not published "
        "(a collection and its buckets); see stores.sales"
    )
    assert "stores" not in made.documents.list_collection_names()
    assert left_behind(made.documents) == []


def test_one_code_of_all_faults_where_nothing_is_published(made: Shop) -> None:
    declaring(made, one=GOOD, two=GOOD)
    made.sql("drop table stores")
    finished, found = load(made)
    assert finished.code == 2
    assert {each["error"] for each in found.values()} == {
        "the table is missing (model stores, table test_partial.stores); run dbt build first"
    }


def test_status_goes_on_after_a_faulty_declaration(made: Shop) -> None:
    declaring(made, one=GOOD, two={**GOOD, "root": "nothing"})
    assert made.loader.run("load", "--no-gate").code == 2
    status = made.loader.run("status")
    assert status.code == 1
    assert status.stderr.splitlines()[-1].startswith("pos-loader: error: two: model nothing is unknown")
    shown = json.loads(made.loader.run("status", "--json").stdout)["collections"]
    assert [(each["name"], bool(each["fault"])) for each in shown] == [("one", False), ("two", True)]


def test_status_shows_of_which_build_each_collection_is(made: Shop) -> None:
    declaring(made, one=GOOD, two=GOOD)
    made.loader.done("load", "--no-gate")

    def later(content: Manifest) -> None:
        content["metadata"]["invocation_id"] = "a-later-build"

    made.change_manifest(later)
    made.loader.done("load", "--no-gate", "--select", "one")
    shown = {each["name"]: each for each in made.loader.done("status", "--json").json["collections"]}
    assert shown["one"]["dbt_invocation"] == "a-later-build" != shown["two"]["dbt_invocation"]
    assert shown["two"]["dbt_invocation"]
    assert NAME not in shown
