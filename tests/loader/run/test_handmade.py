"""What the sample does not have: text keys, three levels below the root, every type, renames, kept NULLs."""

# ruff: noqa: E501 - a row stays on one line

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import bson
import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from pos_sandbox.cluster import Endpoints
from tests.faults.shop import shop
from tests.loader.handmade import NAME, Mart, publishable
from tests.loader.manifests import Manifest
from tests.loader.running import Loader, connect, content
from tests.warehouse import new_warehouse

TEXT = "varchar(20) character set utf8mb4 collate utf8mb4_bin"
COUNTRIES = Mart(
    {
        "code": TEXT,
        "title": "varchar(99)",
        "area": "double",
        "is_open": "boolean",
        "budget": "decimal(34,4)",
        "flag": "varbinary(8)",
        "facts": "json",
        "founded_on": "date",
        "secret_note": "text",
    },
    ("code",),
    rows=[
        ("", "no code", None, None, None, None, None, None, "hidden"),
        ("Z", "Zed", 0.1, True, Decimal("999999999999999999999999999999.9999"), b"\0\xff", '{"a": [1, {"b": null}]}', date(1, 1, 1), "hidden"),
        ("a", "ay", -1e300, False, Decimal("-0.0001"), b"", "[]", date(9999, 12, 31), "hidden"),
        ("é", "e acute 🛒", 5.0, False, Decimal("10.5000"), b"x", '"text"', date(1969, 12, 31), "hidden"),
    ],
)  # fmt: skip
REGIONS = Mart(
    {"code": TEXT, "region_id": "smallint", "since": "datetime(3)"},
    ("code", "region_id"),
    rows=[
        ("Z", 2, datetime(2024, 2, 29, 23, 59, 59, 999000)),
        ("Z", -1, None),
        ("é", 7, None),
        ("?", 1, None),
    ],
)
TOWNS = Mart(
    {"code": TEXT, "region_id": "smallint", "town": TEXT, "people": "int unsigned"},
    ("code", "region_id", "town"),
    rows=[("Z", 2, "b", 4294967295), ("Z", 2, "a", 0), ("Z", -1, "c", None)],
)
STREETS = Mart(
    {"code": TEXT, "region_id": "smallint", "town": TEXT, "street_id": "bigint", "name": "text"},
    ("code", "region_id", "town", "street_id"),
    rows=[("Z", 2, "a", 2**63 - 1, "last"), ("Z", 2, "a", -(2**63), "first"), ("Z", -1, "c", 0, None)],
)
DECLARED: Manifest = {
    "root": "countries",
    "key": "code",
    "field_case": "camel",
    "unknown_member": "?",
    "nulls": "keep",
    "exclude": ["secret_note"],
    "rename": {"title": "label"},
    "shard_key": {"label": 1, "_id": 1},
    "indexes": [{"keys": {"regions.towns.town": 1}, "name": "by_town"}],
    "embed": {
        "regions": {
            "model": "regions",
            "order_by": ["region_id"],
            "types": {"region_id": "int64"},
            "embed": {
                "towns": {
                    "model": "towns",
                    "nulls": "keep",
                    "embed": {"streets": {"model": "streets", "rename": {"street_id": "number"}}},
                }
            },
        }
    },
}


def country(code: str, label: str, *values: object, regions: list[object] | None = None) -> dict[str, object]:
    names = ("area", "isOpen", "budget", "flag", "facts", "foundedOn")
    return {"_id": code, "label": label, **dict(zip(names, values, strict=True)), "regions": regions or []}


BUDGETS = [Decimal128(text) for text in ("999999999999999999999999999999.9999", "-0.0001", "10.5000")]
EXPECTED = [
    country("", "no code", None, None, None, None, None, None),
    country(
        "Z", "Zed", 0.1, True, BUDGETS[0], b"\0\xff", {"a": [1, {"b": None}]}, datetime(1, 1, 1),
        regions=[
            {"regionId": Int64(-1), "towns": [{"town": "c", "people": None, "streets": [{"number": Int64(0)}]}]},
            {
                "regionId": Int64(2),
                "since": datetime(2024, 2, 29, 23, 59, 59, 999000),
                "towns": [
                    {
                        "town": "a",
                        "people": Int64(0),
                        "streets": [
                            {"number": Int64(-(2**63)), "name": "first"},
                            {"number": Int64(2**63 - 1), "name": "last"},
                        ],
                    },
                    {"town": "b", "people": Int64(4294967295), "streets": []},
                ],
            },
        ],
    ),
    country("a", "ay", -1e300, False, BUDGETS[1], b"", [], datetime(9999, 12, 31)),
    country(
        "é", "e acute 🛒", 5.0, False, BUDGETS[2], b"x", "text", datetime(1969, 12, 31),
        regions=[{"regionId": Int64(7), "towns": []}],
    ),
]  # fmt: skip


def test_documents_of_every_shape(
    servers: Endpoints, manifest: Manifest, mariadb_schema: str, mongo_database: str, tmp_path: Path
) -> None:
    warehouse = new_warehouse(servers, tmp_path, mariadb_schema)
    loader = Loader(warehouse, servers.mongo_uri, mongo_database, select=())
    marts = {"countries": COUNTRIES, "regions": REGIONS, "towns": TOWNS, "streets": STREETS}
    publishable(loader, manifest, marts, DECLARED)
    loader.done("load", "--no-gate", "--partition-rows", "1")
    with connect(servers.mongo_uri) as client:
        found = client[mongo_database]
        assert bson.decode_all(content(found, NAME)) == EXPECTED
        assert content(found, NAME) == b"".join(map(bson.encode, EXPECTED))
        entry = client["config"]["collections"].find_one({"_id": f"{mongo_database}.{NAME}"})
        assert entry is not None
        assert list(entry["key"].items()) == [("label", 1), ("_id", 1)]
        assert found[NAME].index_information()["by_town"]["key"] == [("regions.towns.town", 1)]
        shards = list(found[NAME].aggregate([{"$collStats": {"count": {}}}]))
        assert len(shards) > 1
        assert all(each["count"] > 0 for each in shards)


SHOPS = Mart(
    {"shop_id": "bigint", "revenue": "decimal(19,4)", "opened_on": "date", "seen_at": "datetime(3)", "is_open": "boolean"},
    ("shop_id",),
    query="select seq, if(seq % 7, seq * 1.2345, null), date '2024-01-01' + interval seq day, "
    "timestamp '2024-01-01 12:00:00' + interval seq minute, seq % 2 from seq_1_to_200",
)  # fmt: skip


@pytest.mark.parametrize("field", ["revenue", "opened_on", "seen_at", "is_open"])
def test_a_range_of_any_type_is_split_by_the_values_the_documents_have(
    field: str, servers: Endpoints, manifest: Manifest, tmp_path: Path
) -> None:
    declared = {"root": "shops", "key": "shop_id", "embed": {}, "shard_key": {field: 1, "_id": 1}}
    with shop(servers, manifest, tmp_path, "test_ranges", marts={"shops": SHOPS}, **declared) as shops:
        shares = [each["documents"] for each in shops.load()["shards"].values()]
        assert (len(shares), sum(shares)) == (2, 200)
        assert min(shares) > 50


def test_columns_may_be_spelled_otherwise_in_the_table(
    servers: Endpoints, manifest: Manifest, tmp_path: Path
) -> None:
    declared = {"root": "shops", "key": "shop_id", "embed": {}, "shard_key": {"_id": "hashed"}}
    with shop(servers, manifest, tmp_path, "test_spellings", marts={"shops": SHOPS}, **declared) as shops:
        shops.load()
        shops.sql("alter table shops change shop_id Shop_ID bigint, change revenue REVENUE decimal(19, 4)")
        assert shops.load()["unchanged"] == 200
