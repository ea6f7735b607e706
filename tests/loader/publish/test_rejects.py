"""Documents that MongoDB refuses are named in a file, stop the publication, and are retried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pos_sandbox.cluster import Endpoints
from tests.faults.shop import Shop, shop
from tests.loader.handmade import NAME, Mart
from tests.loader.manifests import Manifest, model
from tests.loader.running import left_behind

pytestmark = pytest.mark.native

TAKEN = "E11000 duplicate key error"
NAMELESS = "Document failed validation: revenue is missing"


@pytest.fixture
def strict(servers: Endpoints, manifest: Manifest, tmp_path: Path) -> Iterator[Shop]:
    """A shop that allows one store per city and requires a revenue; two stores break that."""
    unique = [{"keys": {"city": 1}, "unique": True}]
    with shop(servers, manifest, tmp_path, "test_rejects", shard_key="none", indexes=unique) as found:

        def require_revenue(content: Manifest) -> None:
            model(content, "stores")["columns"]["revenue"]["constraints"] = [{"type": "not_null"}]

        found.change_manifest(require_revenue)
        found.sql("update stores set city = 'City 3' where store_id = 4")
        found.sql("update stores set revenue = null where store_id = 9")
        yield found


def file(shop: Shop) -> Path:
    return shop.loader.warehouse.target_path / "rejects" / f"{NAME}.jsonl"


def lines(shop: Shop) -> dict[int, dict[str, Any]]:
    found = [json.loads(line) for line in file(shop).read_text().splitlines()]
    return {line["key"]: line for line in found}


def test_rejects_of_a_full_refresh(strict: Shop) -> None:
    line = strict.refused(code=1)
    assert line.startswith("MongoDB refuses 2 documents of handmade, first _id ")
    assert line.endswith(
        f"all in {file(strict)}); nothing was published; correct the mart, or allow some with --max-rejects N"
    )
    found = lines(strict)
    taken, nameless = (found.get(3) or found[4]), found[9]
    assert set(nameless) == {"collection", "model", "node", "key", "code", "reason"}
    assert (nameless["collection"], nameless["model"], nameless["code"]) == (NAME, "stores", 121)
    assert nameless["reason"] == NAMELESS
    assert taken["code"] == 11000
    assert taken["reason"].startswith(TAKEN)
    assert NAME not in strict.documents.list_collection_names()
    assert left_behind(strict.documents) == []

    strict.refused("--max-rejects", "1", code=1)
    load = strict.load("--max-rejects", "2", "--reject-documents")
    assert (load["inserted"], load["rejects"], strict.documents[NAME].count_documents({})) == (198, 2, 198)
    assert lines(strict)[9]["document"]["city"] == "City 9"

    strict.sql("update stores set revenue = 9 where store_id = 9")
    strict.sql("update stores set city = 'City 4' where store_id = 4")
    strict.sql("update stores set city = 'Not yet' where store_id = 100")
    with strict.watched() as changes:
        load = strict.load("--retry-rejects")
    assert (load["inserted"], load["replaced"], load["rejects"]) == (2, 0, 0)
    assert {kind for kind, _ in changes} == {"insert"}
    assert {key for _, key in changes} == set(found)
    assert not file(strict).exists()
    assert strict.plan()["replace"] == 1, "what was not rejected is not retried"


def test_rejects_of_a_sync(strict: Shop) -> None:
    strict.sql("update stores set city = 'City 4' where store_id = 4")
    strict.sql("update stores set revenue = 9 where store_id = 9")
    strict.load()
    strict.sql("update stores set city = 'City 3' where store_id = 4")
    strict.sql("update stores set city = 'Elsewhere' where store_id = 8")
    strict.sql("insert into stores values (201, 'CA', 'New', null)")
    with strict.watched() as changes:
        assert "nothing was published" in strict.refused(code=1)
    assert changes == []
    with strict.watched() as changes:
        load = strict.load("--max-rejects", "2")
    assert [load[name] for name in ("inserted", "replaced", "unchanged", "rejects")] == [0, 1, 198, 2]
    assert changes == [("replace", 8)]
    assert {key: line["code"] for key, line in lines(strict).items()} == {4: 11000, 201: 121}
    strict.sql("update stores set city = 'City 4b' where store_id = 4")
    strict.sql("update stores set revenue = 1 where store_id = 201")
    load = strict.load("--retry-rejects")
    assert (load["inserted"], load["replaced"]) == (1, 1)
    assert not file(strict).exists()
    strict.loader.done("verify")


def test_rejects_that_cannot_be_listed(strict: Shop) -> None:
    """It ends the load before anything is published. After a transaction it is only a note."""
    in_the_way = file(strict).parent
    in_the_way.touch()
    fault = f"the 2 rejects of handmade cannot be listed: File exists ({file(strict)})"
    assert strict.refused("--max-rejects", "2", code=1) == f"{fault}; make room for that file and run again"
    assert NAME not in strict.documents.list_collection_names()
    assert left_behind(strict.documents) == []

    in_the_way.unlink()
    strict.load("--max-rejects", "2")
    in_the_way.rename(in_the_way.with_name("rejects-before"))
    in_the_way.touch()
    strict.sql("update stores set city = 'Elsewhere' where store_id = 8")
    loaded = strict.loader.done("load", "--no-gate", "--max-rejects", "2")
    assert f"{fault}\n" in loaded.stderr
    assert strict.documents[NAME].find_one({"_id": 8}, {"city": 1}) == {"_id": 8, "city": "Elsewhere"}


MONTHS = Mart(
    {"month": "varchar(7) collate utf8mb4_bin", "revenue": "decimal(19,4)"},
    ("month",),
    query="select concat('2024-', lpad(seq, 2, '0')), seq from seq_1_to_12",
)


def test_rejects_of_a_text_key_are_retried(servers: Endpoints, manifest: Manifest, tmp_path: Path) -> None:
    declared = {"root": "months", "key": "month", "embed": {}, "shard_key": "none"}
    unique = [{"keys": {"revenue": 1}, "unique": True}]
    with shop(
        servers, manifest, tmp_path, "test_months", marts={"months": MONTHS}, indexes=unique, **declared
    ) as months:
        months.load()
        months.sql("update months set revenue = 5 where month = '2024-07'")
        months.sql("insert into months values ('2025-01', 8)")
        assert months.load("--max-rejects", "2")["rejects"] == 2
        months.sql("update months set revenue = revenue + 0.5 where month in ('2024-07', '2025-01')")
        load = months.load("--retry-rejects")
        assert [load[name] for name in ("inserted", "replaced", "deleted", "rejects")] == [1, 1, 0, 0]
        months.loader.done("verify", "--quiet")


def test_a_load_that_everything_is_refused_of_ends_early(
    servers: Endpoints, manifest: Manifest, tmp_path: Path
) -> None:
    many = Mart({"key_id": "bigint", "kind": "int"}, ("key_id",), query="select seq, 1 from seq_1_to_200000")
    declared = {"root": "many", "key": "key_id", "embed": {}, "shard_key": "none"}
    unique = [{"keys": {"kind": 1}, "unique": True}]
    with shop(
        servers, manifest, tmp_path, "test_many", marts={"many": many}, indexes=unique, **declared
    ) as refused:
        line = refused.refused("--partition-rows", "5000", "--workers", "2", code=1)
        assert line.startswith(f"MongoDB refuses at least {len(lines(refused))} documents of handmade, ")
        assert f", these in {file(refused)}); " in line
        assert 10_000 < len(lines(refused)) < 50_000
        assert left_behind(refused.documents) == []


def test_a_unique_value_passes_from_a_store_that_goes_to_another(strict: Shop) -> None:
    strict.sql("update stores set city = concat('City ', store_id), revenue = 1")
    strict.load()
    strict.sql("delete from sales where store_id = 5")
    strict.sql("delete from stores where store_id = 5")
    strict.sql("insert into stores values (300, 'CA', 'City 5', 1)")
    load = strict.planned_load()
    assert (load["inserted"], load["deleted"], load["rejects"]) == (1, 1, 0)
