"""Every row of every mart is somewhere, and what is in no document is said: the README's promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pos_loader.collection import Buckets
from pos_loader.documents import trim
from pos_loader.errors import DataError
from pos_loader.load_results import LevelCount
from pos_loader.run import accounting, survey
from pos_sandbox.cluster import Endpoints
from tests.faults.shop import SALES, STORES, Shop, shop
from tests.loader.handmade import NAME, Mart
from tests.loader.manifests import Manifest
from tests.loader.mongo_helpers import declare
from tests.loader.running import Documents, Loader, connect
from tests.warehouse import Warehouse

pytestmark = pytest.mark.native

UNKNOWN = -1
LINES = Mart(
    {"store_id": "bigint", "sale_id": "bigint", "line_id": "bigint", "note": "varchar(9)"},
    ("store_id", "sale_id", "line_id"),
    query="select stores.seq, sales.seq, lines.seq, 'x' "
    "from seq_1_to_200 stores, seq_1_to_3 sales, seq_1_to_2 `lines` "
    "union all select -1, 7, seq, 'x' from seq_1_to_4",
)
SOLD = replace(
    SALES,
    query=f"{SALES.query} union all select -1, seq + 6, 0 from seq_1_to_2",
)
MARTS = {"stores": STORES, "sales": SOLD, "store_lines": LINES}
PARTS = ("nested", "elsewhere", "unknown", "left_out", "rejected")


def embed(**policy: Any) -> Manifest:
    lines = {"model": "store_lines", "order_by": ["line_id"]}
    return {"sales": {"model": "sales", "order_by": ["sale_id"], **policy, "embed": {"lines": lines}}}


@pytest.fixture
def made(servers: Endpoints, manifest: Manifest, tmp_path: Path) -> Iterator[Shop]:
    with shop(
        servers,
        manifest,
        tmp_path,
        "test_accounting",
        marts=MARTS,
        unknown_member=UNKNOWN,
        embed=embed(),
    ) as one:
        yield one


def items_in(database: Documents, collection: str, path: str) -> int:
    """Count the items that MongoDB holds at a level."""
    steps = [
        {"$unwind": "$" + ".".join(path.split(".")[: n + 1])} for n in range(path.count(".") + 1)
    ] * bool(path)
    (found,) = [*database[collection].aggregate([*steps, {"$count": "n"}]), {"n": 0}][:1]
    return int(found["n"])


def require_accounted(outcome: Any, warehouse: Warehouse, database: Documents) -> None:
    """Every level's parts are the rows of its mart, by MariaDB's own count; what is nested is in MongoDB."""
    together: Counter[str] = Counter()
    rows: dict[str, int] = {}
    for each in outcome["collections"]:
        collection = each["namespace"].partition(".")[2]
        for level in each["levels"]:
            table = level["model"].rpartition(".")[2]
            ((counted,),) = warehouse.query(f"select count(*) from {table}")
            assert level["rows"] == counted == sum(level[part] for part in PARTS), level
            assert level["nested"] == items_in(database, collection, level["path"]), level
            exposure, _, _ = each["name"].partition(".")
            key = f"{exposure} {level['path']}"
            together[key] += level["nested"] + level["left_out"] + level["rejected"]
            together[key] += level["unknown"] * (each["name"] == exposure)
            rows[key] = counted
    assert dict(together) == rows


@pytest.mark.parametrize(
    "declared",
    [
        {"embed": embed()},
        {"embed": embed(max_items=2, on_overflow="newest")},
        {"embed": embed(max_items=1, on_overflow="overflow")},
        {"embed": embed(max_items=2, on_overflow="overflow", overflow={"bucket_items": 1})},
        {"embed": {**embed(), "again": {"model": "sales"}}},
    ],
)
def test_nothing_is_rounded_or_dropped_in_silence(declared: Manifest, made: Shop) -> None:
    """In a full refresh, in the sync after a change, and in the verification."""
    made.declare(**declared)
    for change in (
        "select 1",
        "delete from sales where store_id = 5",
        "insert into sales values (-1, 99, 1)",
    ):
        made.sql(change)
        if change.startswith("delete"):
            made.sql("delete from store_lines where store_id = 5")
        loaded = made.loader.done("load", "--no-gate", "--json").json
        require_accounted(loaded, made.loader.warehouse, made.documents)
        verified = made.loader.done("verify", "--json").json
        assert [each["levels"] for each in verified["collections"]] == [
            each["levels"] for each in loaded["collections"]
        ]
    (unknown,) = {
        level["unknown"]
        for each in loaded["collections"]
        for level in each["levels"]
        if level["model"] == "sales"
    }
    assert unknown == 3
    for command in (["load", "--no-gate"], ["verify"], ["status"], ["plan", "--no-gate"]):
        said = made.loader.run(*command).stdout
        assert "unknown member 3" in said, said
        assert "unknown member 4" in said, said
    ((audited,),) = made.sql(
        "select not_nested from pos_loader_collections where unknown_rows > 0 "
        f"and collection = '{NAME}' order by finished_at desc limit 1"
    )
    assert "sales: unknown member 3" in audited


def test_the_rows_in_refused_documents_are_counted(made: Shop) -> None:
    made.change_manifest(
        lambda content: content["nodes"]["model.pos.stores"]["columns"]["state"].update(
            constraints=[{"type": "not_null"}]
        )
    )
    loaded = made.loader.done("load", "--no-gate", "--json", "--max-rejects", "100").json
    require_accounted(loaded, made.loader.warehouse, made.documents)
    (collection,) = loaded["collections"]
    rejected = {level["path"]: level["rejected"] for level in collection["levels"]}
    assert rejected == {"": 40, "sales": 120, "sales.lines": 240}
    assert collection["rejects"] == 40
    assert collection["rows"] == {"stores": 160, "sales": 480, "store_lines": 960}
    said = made.loader.run("load", "--no-gate", "--full-refresh", "--max-rejects", "100").stdout
    assert "stores 160 (rejected 40)" in said


def test_the_sample_is_accounted_for(
    sample_warehouse: Warehouse, servers: Endpoints, mongo_database: str
) -> None:
    loader = Loader(sample_warehouse, servers.mongo_uri, mongo_database, select=())
    loaded = loader.done("load", "--json").json
    with connect(servers.mongo_uri) as client:
        require_accounted(loaded, sample_warehouse, client[mongo_database])
    unknown = {
        level["model"]: level["unknown"]
        for each in loaded["collections"]
        for level in each["levels"]
        if level["unknown"]
    }
    assert unknown.keys() >= {"fct_orders", "fct_order_lines"}


def test_rows_that_get_lost_stop_the_collection(made: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The survey counts all rows; nesting that forgot some would be found."""
    monkeypatch.setattr(survey, "count_rows", lambda *_: (1000, 0))
    finished = made.loader.invoke("load", "--no-gate", "--quiet")
    assert finished.code == 1
    said = finished.error
    assert "model stores has 1,000 rows, and 200 are accounted for: 200 nested" in said
    assert NAME not in made.documents.list_collection_names()


def test_buckets_have_to_hold_what_the_documents_leave() -> None:
    documents = declare("pos", name="shops")
    level = LevelCount("sales", "sales", "model.pos.sales", rows=9, nested=4, elsewhere=5)
    parent = documents.root.fields[0]
    buckets = replace(documents, name="shops.sales", buckets=Buckets("shops", parent, items=1))
    held = replace(level, nested=5, elsewhere=4)
    accounting.require_same_items({"shops": [level], "shops.sales": [held]}, [documents, buckets])
    with pytest.raises(DataError, match="4 rows of model sales are in the buckets"):
        accounting.require_same_items(
            {"shops": [level], "shops.sales": [replace(held, nested=4)]}, [documents, buckets]
        )


def test_trimming_counts_what_it_drops() -> None:
    assert {"rows", "left_out", "elsewhere"} <= set(trim.Trimmed.__dataclass_fields__)
