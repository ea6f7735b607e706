"""Names of every kind: reserved words, dashes, blanks, backticks in MariaDB; odd and long ones in MongoDB."""

from __future__ import annotations

from pathlib import Path

import bson
import pytest
from bson.int64 import Int64

from pos_loader.declaration.overflow import BUILD_SUFFIX, LONGEST_NAMESPACE, name_fault
from pos_loader.settings import database_fault
from pos_sandbox.cluster import Endpoints
from tests.faults.shop import shop
from tests.loader.handmade import NAME, Mart, publishable
from tests.loader.manifests import Manifest
from tests.loader.running import Loader, connect, content
from tests.warehouse import new_warehouse

pytestmark = pytest.mark.native

TEXT = "varchar(20) character set utf8mb4 collate utf8mb4_nopad_bin"
KEYS = [
    "",
    " ",
    "A",
    "a",
    "a\0",
    "a\t",
    "a ",
    "a  ",
    "a\u0301",
    "\u00e1",
    "\x7f",
    "\uffff",
    "\U0001f6d2",
    "'",
    "\\",
    "%s",
]
ORDERS = Mart(
    {"order": TEXT, "n": "bigint", "total": "decimal(30,0)", "k": "datetime(6)"},
    ("order",),
    rows=[(key, place, 10**29 + place, None) for place, key in enumerate(KEYS)],
)  # fmt: skip
GROUPS = Mart(
    {"order": TEXT, "group by": "decimal(30,0)", "b": "bigint", "`key`": "text"},
    ("order", "group by"),
    rows=[(key, 10**at, at, key) for key in KEYS for at in (1, 2, 20)],
)
RANKS = Mart(
    {"order": TEXT, "group by": "decimal(30,0)", "rank-of": "date", "select": "bigint"},
    ("order", "group by", "rank-of"),
    rows=[(key, 10**at, "2024-01-0" + str(at), at) for key in KEYS for at in (1, 2)],
)
DECLARED: Manifest = {
    "root": "orders", "key": "order", "shard_key": {"n": 1, "_id": 1}, "coerce": {"*": "missing"},
    "embed": {
        "groups": {
            "model": "groups", "order_by": ["b"], "max_items": 2, "on_overflow": "newest",
            "embed": {"ranks": {"model": "ranks", "order_by": ["select"]}},
        }
    },
}  # fmt: skip


def test_names_that_need_quoting_and_keys_that_need_bytes(
    servers: Endpoints, manifest: Manifest, mongo_database: str, tmp_path: Path
) -> None:
    schema = "test select-or der"
    warehouse = new_warehouse(servers, tmp_path, schema)
    loader = Loader(warehouse, servers.mongo_uri, mongo_database, select=())
    marts = {"order-by": ORDERS, "group `by`": GROUPS, "rank over": RANKS}
    names = dict(zip(("orders", "groups", "ranks"), marts, strict=True))
    declared = _renamed(DECLARED, names)
    try:
        publishable(loader, manifest, marts, declared)
        loader.done("load", "--no-gate", "--partition-rows", "3")
        with connect(servers.mongo_uri) as client:
            found = bson.decode_all(content(client[mongo_database], NAME))
        assert [each["_id"] for each in found] == sorted(KEYS, key=lambda key: key.encode())
        assert [[group["b"] for group in each["groups"]] for each in found] == [[Int64(2), Int64(20)]] * len(
            KEYS
        )
        assert [len(each["groups"][0]["ranks"]) for each in found] == [1] * len(KEYS)
        loader.done("verify", "--quiet", "--partition-rows", "3")
        warehouse.query("update `group ``by``` set `b` = 21 where `order` = 'a\t' and `b` = 20")
        (synced,) = loader.done("load", "--no-gate", "--json", "--partition-rows", "3").json["collections"]
        assert (synced["mode"], synced["replaced"], synced["deleted"]) == ("sync", 1, 0)
        assert "in step" in loader.done("plan", "--no-gate", "--quiet").stdout
        loader.done("status", "--quiet")
    finally:
        warehouse.query(f"drop database `{schema}`")


def _renamed(declared: Manifest, names: dict[str, str]) -> Manifest:
    """The declaration with the models' names."""
    root = names.get(declared.get("root", ""))
    embed = {
        name: {**_renamed(each, names), "model": names[each["model"]]}
        for name, each in declared.get("embed", {}).items()
    }
    return {**declared, **({"root": root} if root else {}), **({"embed": embed} if embed else {})}


@pytest.mark.parametrize(
    "name",
    ["a$b", "", ".a", "a.", "a..b", "a\0b", "system.x", "x" * 210, "é" * 106, "a__build_00000000deadbeef"],
)
def test_a_collection_that_mongodb_has_not_is_refused_before_anything_is_made(name: str) -> None:
    assert name_fault("shop", name)


def test_a_collection_of_an_odd_name_is_published(
    servers: Endpoints, manifest: Manifest, tmp_path: Path
) -> None:
    marts = {"shops": Mart({"shop_id": "bigint"}, ("shop_id",), query="select 1")}
    declared: Manifest = {"root": "shops", "key": "shop_id", "embed": {}}
    with shop(servers, manifest, tmp_path, "test_odd", marts=marts, **declared) as made:
        longest = "x" * (LONGEST_NAMESPACE - BUILD_SUFFIX - len("test_odd."))
        for name in ("a/b 'c' \"d\" é🛒 -.e", longest):
            made.declare(collection=name)
            made.load()
            assert made.plan()["mode"] == "sync"
            made.loader.done("verify", "--quiet")


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a$b", "a/b", "a\0b", "x" * 64, "é" * 32])
def test_a_database_that_mongodb_has_not_is_refused(name: str) -> None:
    assert database_fault(name)
    assert not database_fault("é" * 31)
