"""Dates that BSON cannot hold, with the declared ways out and without, and every odd type of MariaDB."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from pos_sandbox.cluster import Endpoints
from tests.faults.shop import Shop, shop
from tests.loader.handmade import NAME, Mart
from tests.loader.manifests import Manifest
from tests.loader.running import content

pytestmark = pytest.mark.native

ODD = (
    "(1, '2024-05-06 07:08:09.123456', '2024-05-06'), (2, '1969-12-31 23:59:59.999999', '0000-00-00'), "
    "(3, '0000-00-00 00:00:00', '2024-00-01'), (4, '2024-02-00 10:00:00', null), "
    "(5, '0000-01-01 00:00:00', '0000-02-28'), (6, '0000-12-31 23:59:59.999', '0001-01-01'), "
    "(7, null, '9999-12-31'), (8, '9999-12-31 23:59:59.999999', '9999-12-31')"
)
ORDERS = Mart({"shop_id": "bigint", "placed_at": "datetime(6)", "paid_on": "date"}, ("shop_id",))
LINES = Mart({"shop_id": "bigint", "line_id": "bigint", "shipped_at": "datetime(6)"}, ("shop_id", "line_id"))
EMBED = {"lines": {"model": "lines", "order_by": ["shipped_at", "line_id"]}}
BOTH = ["milliseconds", "missing"]
LAZY: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


@pytest.fixture(scope="module")
def odd(servers: Endpoints, manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose marts hold dates that no strict server would take."""
    marts = {"shops": ORDERS, "lines": LINES}
    declared: Manifest = {"root": "shops", "key": "shop_id", "shard_key": "none", "embed": EMBED}
    with shop(
        servers, manifest, tmp_path_factory.mktemp("odd"), "test_coerce", marts=marts, **declared
    ) as made:
        mode = "set statement sql_mode = '' for"
        made.sql(f"{mode} insert into shops values {ODD}")
        made.sql(f"{mode} insert into `lines` select shop_id, 1, placed_at from shops")
        made.sql(f"{mode} insert into `lines` select shop_id, 2, placed_at from shops where shop_id < 5")
        yield made


def test_nothing_is_rounded_or_dropped_in_silence(odd: Shop) -> None:
    odd.declare(coerce={"*": BOTH})
    coerced = {
        "shops.placed_at: milliseconds": 3, "shops.placed_at: missing": 2, "shops.paid_on: missing": 2,
        "lines.shipped_at: milliseconds": 5, "lines.shipped_at: missing": 4,
    }  # fmt: skip
    assert odd.plan()["coerced"] == coerced
    assert odd.load()["coerced"] == coerced
    found = {each["_id"]: each for each in bson.decode_all(content(odd.documents, NAME), LAZY)}
    moments = {key: each.get("placedAt", each.get("placed_at")) for key, each in found.items()}
    assert moments == {
        1: datetime(2024, 5, 6, 7, 8, 9, 123000), 2: datetime(1969, 12, 31, 23, 59, 59, 999000), 3: None,
        4: None, 5: DatetimeMS(-62167219200000), 6: DatetimeMS(-62135596800001), 7: None,
        8: datetime(9999, 12, 31, 23, 59, 59, 999000),
    }  # fmt: skip
    assert [each["line_id"] for each in found[3]["lines"]] == [1, 2]
    verified = odd.loader.done("verify", "--json").json["collections"][0]
    assert verified["coerced"] == coerced
    assert all(figure["equal"] for figure in verified["figures"])
    assert odd.plan()["mode"] == "sync"
    shown = odd.loader.done("verify").stdout
    assert f"{NAME} coerced shops.placed_at: milliseconds, 3 values\n" in shown


def test_a_date_that_python_has_not_is_synced_refused_and_shown(odd: Shop) -> None:
    """Years before 1 and after 9999 are BSON dates; nothing that publishes or shows them fails."""
    odd.declare(coerce={"*": BOTH}, max_delete_share=1.0)
    odd.load()
    odd.documents[NAME].delete_one({"_id": 5})
    odd.documents[NAME].update_one({"_id": 6}, {"$set": {"lines": []}})
    odd.documents.command("collMod", NAME, validationLevel="off")
    odd.documents[NAME].insert_many([{"_id": DatetimeMS(2**55)}, {"_id": {"at": DatetimeMS(-(2**55))}}])
    synced = odd.load()
    written = [synced[name] for name in ("mode", "inserted", "replaced", "deleted")]
    assert written == ["sync", 1, 1, 2]
    odd.documents[NAME].delete_many({"_id": {"$nin": [5]}})
    assert '"_id": 5' in odd.loader.done("status", "--sample").stdout

    refusing = {"_id": {"$ne": 5}}
    odd.documents.command("collMod", NAME, validator=refusing, validationLevel="strict")
    odd.documents[NAME].delete_many({})
    again = odd.load("--max-rejects", "1", "--reject-documents")
    assert (again["inserted"], again["rejects"]) == (7, 1)
    (line,) = (odd.loader.results.parent / "rejects" / f"{NAME}.jsonl").read_text().splitlines()
    assert json.loads(line)["document"]["placed_at"] == {"$date": {"$numberLong": "-62167219200000"}}
    odd.documents[NAME].drop()


@pytest.mark.parametrize(
    ("coerce", "line"),
    [
        (
            {"*": "missing"},
            "column shipped_at: 2024-05-06 07:08:09.123456 has microseconds, a BSON date has milliseconds "
            "(model lines, shop_id 1, line_id 1); clean it in the mart, or declare coerce: "
            "{shipped_at: milliseconds}",
        ),
        (
            {"*": "milliseconds"},
            "column placed_at: 0000-00-00 00:00:00.000000 is not a date, its month or day is zero "
            "(model shops, shop_id 3); clean it in the mart, or declare coerce: {placed_at: missing}",
        ),
        (
            {"*": BOTH, "paid_on": []},
            "column paid_on: 0000-00-00 is not a date, its month or day is zero (model shops, shop_id 2); "
            "clean it in the mart, or declare coerce: {paid_on: missing}",
        ),
    ],
)  # fmt: skip
def test_what_is_not_declared_is_named_with_its_way_out(odd: Shop, coerce: Any, line: str) -> None:
    odd.declare(coerce=coerce)
    assert odd.refused("--full-refresh", code=1) == line


KINDS = {
    "time": ("varchar(20)", "'-838:59:59'"),
    "year": ("smallint", "2155"),
    "bit(8)": ("binary(1)", "b'1'"),
    "enum('a','b')": ("varchar(9)", "'a'"),
    "uuid": ("varchar(36)", "'123e4567-e89b-12d3-a456-426614174000'"),
    "inet6": ("varchar(39)", "'::1'"),
    "point": ("varbinary(50)", "point(1, 2)"),
    "decimal(28,0)": ("decimal(28,0)", "9999999999999999999999999999"),
    "decimal(65,30)": ("decimal(34,10)", "99999999999999999999999999999999999.5"),
    "decimal(20,12)": ("decimal(20,10)", "1.123456789012"),
    "bigint": ("varchar(20)", "5"),
    "decimal(9,2)": ("bigint", "1.50"),
    "varchar(12)": ("date", "'2024-01-01'"),
    "varbinary(9)": ("varchar(9)", "x'ff'"),
    "datetime(6)": ("date", "'2024-01-01 10:00:00'"),
    "float": ("double", "0.1"),
    "timestamp": ("datetime", "'2024-01-01'"),
    "bigint unsigned": ("bigint unsigned", "18446744073709551615"),
    "geometry": ("text", "point(1, 2)"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_any_type_is_published_or_named(
    kind: str, servers: Endpoints, manifest: Manifest, tmp_path: Path
) -> None:
    contract, value = KINDS[kind]
    mart = Mart(
        {"id": "bigint", "odd": contract}, ("id",), table_types={"odd": kind}, query=f"select 1, {value}"
    )
    declared: Manifest = {"root": "odds", "key": "id", "shard_key": "none", "embed": {}}
    with shop(servers, manifest, tmp_path, "test_kinds", marts={"odds": mart}, **declared) as made:
        ended = made.loader.invoke("load", "--no-gate", "--quiet")
        if ended.code:
            assert "column odd" in ended.error or "odd has values" in ended.error
            assert "unexpected" not in ended.error
        else:
            assert made.loader.invoke("verify", "--quiet").code == 0
        if kind == "bigint unsigned":
            assert "declare types: {odd: decimal}" in ended.error
            made.declare(types={"odd": "decimal"})
            made.load()
            assert made.documents[NAME].find_one() == {"_id": 1, "odd": Decimal128("18446744073709551615")}
