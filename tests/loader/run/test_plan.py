"""`plan` says what the next `load` does, in each mode, and the guide's commands do what it says."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from pos_sandbox.cluster import Endpoints
from tests.docs.documents import commands
from tests.faults.shop import Shop, shop
from tests.loader.handmade import NAME
from tests.loader.manifests import Manifest
from tests.loader.running import Loader, connect
from tests.warehouse import Warehouse

GUIDE = Path("docs/publishing.md")
IN_STEP = "In step: a load would change nothing."


@pytest.fixture(scope="module")
def planned(
    servers: Endpoints, manifest: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    with shop(
        servers,
        manifest,
        tmp_path_factory.mktemp("plan"),
        "test_plan",
        indexes=[{"keys": {"city": 1}}],
    ) as found:
        yield found


def text(planned: Shop, *options: str, code: int) -> list[str]:
    finished = planned.loader.run("plan", "--no-gate", "--quiet", *options)
    assert (finished.code, finished.stderr) == (code, "")
    return finished.stdout.splitlines()


def test_from_nothing_to_in_step_through_each_mode(planned: Shop) -> None:
    assert text(planned, code=2) == [
        "test_plan.handmade: full refresh (not published yet)",
        "  + shard key _id: hashed",
        "  + index city_1",
        "  ~ validator",
        "  + 200 documents to insert",
        *[line for line in text(planned, code=2) if line.startswith("    ")],
        "  ? unknown: documents per shard",
        "  ? unknown: documents MongoDB would refuse",
        "Plan: 1 of 1 collections to change: 200 documents to insert, 0 to replace, 0 to delete.",
    ]
    assert "    longest arrays: 3 items in sales of store_id 1; 3 items" in "\n".join(text(planned, code=2))
    assert planned.documents.list_collection_names() == [], "a plan writes nothing"
    created = planned.planned_load()
    assert (created["mode"], created["inserted"]) == ("full refresh", 200)
    assert text(planned, code=0)[-1] == IN_STEP

    planned.sql("update stores set city = 'Elsewhere' where store_id = 5")
    planned.sql("update sales set amount = 0.25 where store_id = 6 and sale_id = 3")
    planned.sql("delete from sales where store_id = 8")
    planned.sql("delete from stores where store_id = 8")
    planned.sql("insert into stores select seq, 'TX', 'New', 1 from seq_1001_to_1015")
    lines = text(planned, code=2)
    assert lines[0] == "test_plan.handmade: sync"
    assert lines[1:4] == [
        "  + 15 documents to insert",
        "  ~ 2 documents to replace",
        "  - 1 documents to delete",
    ]
    examples = [line.strip() for line in lines if line.startswith("      ")]
    assert examples[:4] == [
        "~ _id 5 city: string 'City 5' -> string 'Elsewhere'",
        "~ _id 6 sales.2.amount: decimal 9.0000 -> decimal 0.2500",
        "- _id 8",
        "+ _id 1001",
    ]
    assert len(examples) == 10
    assert lines[-1].endswith("15 documents to insert, 2 to replace, 1 to delete.")
    synced = planned.planned_load()
    assert (synced["mode"], synced["inserted"], synced["deleted"]) == ("sync", 15, 1)
    assert text(planned, code=0)[-1] == IN_STEP

    again = planned.planned_load("--full-refresh")
    assert (again["mode"], again["inserted"], again["replaced"]) == ("full refresh", 0, 214)
    assert planned.plan()["unchanged"] == 214


def test_a_fault_in_the_marts_of_a_new_collection_blocks_it(planned: Shop) -> None:
    planned.declare(collection="another")
    planned.sql("insert into sales values (777, 1, 1)")
    found = planned.plan()
    assert found["mode"] == "blocked"
    assert "store_id 777" in found["reason"]
    planned.sql("delete from sales where store_id = 777")
    planned.declare(collection=NAME)


def test_every_command_of_the_guide_does_what_it_says(
    sample_warehouse: Warehouse, servers: Endpoints, database: str
) -> None:
    """On the sample, published and in step: each ends well and leaves it so."""
    loader = Loader(sample_warehouse, servers.mongo_uri, database)
    loader.done("load")
    written = [shlex.split(command) for command in commands(GUIDE)]
    assert len(written) >= 10
    with connect(servers.mongo_uri) as client:
        for program, *arguments in written:
            assert program == "pos-loader"
            pending = "--full-refresh" in arguments and arguments[0] == "plan"
            kept = [str(sample_warehouse.target_path) if each == "before" else each for each in arguments]
            assert loader.run(*kept).code == (2 if pending else 0), arguments
        assert client[database]["customer_order_history"].count_documents({}) == 200
    assert loader.run("plan").code == 0
