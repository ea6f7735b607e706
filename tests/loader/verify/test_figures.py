"""Reconciliation on the real servers: every kind of fault changes a figure, even one of the encoder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from pos_loader.collection import Collection, Figure
from pos_loader.console import Console
from pos_loader.dbt.artifacts import read_manifest
from pos_loader.declaration.spec import read_collections
from pos_loader.documents import encode
from pos_loader.run import pipeline
from pos_loader.run.job import Options
from pos_loader.run.session import open_job
from pos_loader.servers import mongo
from pos_loader.servers.profile import MariaDB
from pos_loader.settings import read_settings
from pos_loader.verify.figures import reconcile
from pos_sandbox.cluster import Endpoints
from tests.faults.shop import shop
from tests.loader.handmade import NAME, Mart, publishable
from tests.loader.manifests import Manifest
from tests.loader.running import Documents, Loader, content, left_behind
from tests.warehouse import Warehouse, new_warehouse

pytestmark = pytest.mark.native

GUIDE = (Path(__file__).parents[3] / "docs" / "verification.md").read_text(encoding="utf-8")
WIDE = Decimal("999999999999999999999999999999.9999")
LAST = 2**63 - 1

ACCOUNTS = Mart(
    {
        "account_id": "bigint not null",
        "name": "varchar(40)",
        "points": "bigint",
        "level": "smallint",
        "is_open": "boolean",
        "balance": "decimal(34,4)",
        "ratio": "double",
        "born_on": "date",
        "photo": "varbinary(8)",
        "facts": "json",
    },
    ("account_id",),
    rows=[
        (1, "Ann 🛒", LAST, 7, 1, WIDE, 0.1, "0001-01-01", b"\0\xff", '{"a": 1}'),
        (2, "Bé", LAST, -3, 0, WIDE, 0.2, "9999-12-31", b"", "null"),
        (3, "", LAST - 1, 0, 1, WIDE, -1e15, "1969-12-31", b"xyz", "[]"),
        (4, None, None, None, None, None, None, None, None, None),
        (2**53 + 1, "Zoe", -5, 1, 0, Decimal("-0.0001"), 0.3, "2024-02-29", b"x", '"text"'),
    ],
)
ORDERS = Mart(
    {
        "account_id": "bigint not null",
        "order_id": "bigint not null",
        "placed_at": "datetime(3)",
        "label": "varchar(20)",
        "paid": "decimal(19,4)",
    },
    ("account_id", "order_id"),
    rows=[
        (account, number, datetime(2024, 1, number % 28 + 1, 12, 0, 0, 7000), label, Decimal(number) / 8)
        for account in (-1, 1, 2, 3)
        for number, label in ((10 * account, "b"), (10 * account + 1, "A"), (10 * account + 2, "a"))
    ],
)
LINES = Mart(
    {
        "account_id": "bigint not null",
        "order_id": "bigint not null",
        "line_number": "int not null",
        "price": "decimal(19,4)",
        "text": "varchar(40)",
    },
    ("account_id", "order_id", "line_number"),
    rows=[
        (account, order, line, Decimal("-5.2500") if line == 2 else Decimal("7.1001"), f"line {line} é")
        for account, order, *_ in ORDERS.rows
        for line in range(1, 4)
    ],
)
MARTS = {"accounts": ACCOUNTS, "orders": ORDERS, "order_lines": LINES}
DECLARED: Manifest = {
    "root": "accounts",
    "key": "account_id",
    "unknown_member": -1,
    "embed": {
        "orders": {
            "model": "orders",
            "order_by": ["order_id"],
            "embed": {"lines": {"model": "order_lines", "order_by": ["line_number"]}},
        }
    },
    "shard_key": {"_id": "hashed"},
}


@dataclass(frozen=True)
class Published:
    """The marts above, published without a validator, so that tests can spoil the documents."""

    loader: Loader
    collection: Collection
    database: Documents
    load: Mapping[str, Any]

    @property
    def handle(self) -> mongo.Handle:
        return self.database[NAME]

    def figures(self) -> tuple[Figure, ...]:
        return reconcile(server_of(self.loader.warehouse), self.handle, self.collection, workers=3)

    def unequal(self) -> list[str]:
        return [str(figure) for figure in self.figures() if not figure.equal]


def server_of(warehouse: Warehouse) -> MariaDB:
    return MariaDB(warehouse.host, warehouse.port, warehouse.user, warehouse.password, warehouse.schema)


def new_loader(servers: Endpoints, folder: Path, database: str) -> Loader:
    warehouse = new_warehouse(servers, folder, f"{database}_{folder.name}")
    return Loader(warehouse, servers.mongo_uri, database, select=())


@pytest.fixture(scope="module")
def published(
    servers: Endpoints,
    manifest: Manifest,
    client: Any,
    database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Published]:
    loader = new_loader(servers, tmp_path_factory.mktemp("reconcile"), database)
    publishable(loader, manifest, MARTS, DECLARED)
    (load,) = loader.done("load", "--no-gate", "--json").json["collections"]
    client[database].command("collMod", NAME, validator={})
    (collection,) = read_collections(read_manifest(loader.warehouse.target_path), database=database)
    yield Published(loader, collection, client[database], load)
    loader.warehouse.query(f"drop database `{loader.warehouse.schema}`")


@pytest.fixture
def spoiled(published: Published) -> Iterator[Published]:
    """The same for tests that change documents; afterwards they are restored."""
    before = list(published.handle.find())
    yield published
    published.handle.delete_many({})
    published.handle.insert_many(before)


def test_every_figure_of_a_full_refresh_reconciles_and_is_kept(published: Published) -> None:
    assert [Figure(**each) for each in published.load["figures"]] == list(published.figures())
    assert published.unequal() == []
    values = {(each.level, each.field, each.measure): each.mongodb for each in published.figures()}
    items = 9
    expected = {
        ("", "", "documents"): 5,
        ("orders", "", "items"): items,
        ("orders.lines", "", "items"): 3 * items,
        ("", "_id", "sum"): 2**53 + 11,
        ("", "name", "values"): 4,
        ("", "name", "characters"): 10,
        ("", "points", "values"): 4,
        ("", "points", "sum"): 3 * LAST - 6,
        ("", "level", "sum"): 5,
        ("", "is_open", "true"): 2,
        ("", "balance", "sum"): "2999999999999999999999999999999.9996",
        ("", "photo", "bytes"): 6,
        ("", "facts", "values"): 3,
        ("", "born_on", "earliest"): "0001-01-01 00:00:00.000",
        ("", "born_on", "latest"): "9999-12-31 00:00:00.000",
        ("", "_id", "sum over orders"): 3 * (1 + 2 + 3),
        ("orders", "order_id", "sum over lines"): 3 * (3 * 60 + 9),
        ("orders", "placed_at", "values"): items,
        ("orders.lines", "price", "sum"): 9 * (2 * Decimal("7.1001") - Decimal("5.25")),
        ("orders.lines", "text", "characters"): 27 * 8,
    }
    assert {place: values.get(place) for place in expected} == {
        place: str(value) for place, value in expected.items()
    }


Change = Callable[[mongo.Handle], object]
LINES_GONE = {
    *("orders.lines, items", "orders.lines.line_number, sum", "orders.order_id, sum over lines"),
    *(f"orders.lines.{each}" for each in ("price, values", "price, sum", "text, values", "text, characters")),
}
FAULTS: dict[str, tuple[Change, set[str]]] = {
    "an amount, by 0.0001": (
        lambda c: c.update_one({"_id": 2}, {"$inc": {"orders.1.lines.2.price": Decimal128("0.0001")}}),
        {"orders.lines.price, sum"},
    ),
    "a sign": (
        lambda c: c.update_one({"_id": 2}, {"$set": {"orders.1.lines.1.price": Decimal128("5.2500")}}),
        {"orders.lines.price, sum"},
    ),
    "the last digit of 34": (
        lambda c: c.update_one({"_id": 1}, {"$inc": {"balance": Decimal128("-0.0001")}}),
        {"balance, sum"},
    ),
    "one of sums beyond int64": (
        lambda c: c.update_one({"_id": 3}, {"$inc": {"points": Int64(1)}}),
        {"points, sum"},
    ),
    "an item removed": (
        lambda c: c.update_one({"_id": 3}, {"$pop": {"orders.0.lines": 1}}),
        LINES_GONE,
    ),
    "an array removed": (
        lambda c: c.update_one({"_id": 3}, {"$unset": {"orders.0.lines": 1}}),
        LINES_GONE,
    ),
    "an item in another parent": (
        lambda c: [
            c.update_one({"_id": 3}, {"$push": {"orders": c.find_one({"_id": 1})["orders"][0]}}),  # type: ignore[index]
            c.update_one({"_id": 1}, {"$pop": {"orders": -1}}),
        ],
        {"_id, sum over orders"},
    ),
    "a text of another length": (
        lambda c: c.update_one({"_id": 1}, {"$set": {"name": "Ann 🛒🛒"}}),
        {"name, characters"},
    ),
    "a date in the middle, by a millisecond": (
        lambda c: c.update_one(
            {"_id": 2}, {"$set": {"orders.1.placed_at": datetime(2024, 1, 22, 12, 0, 0, 8000)}}
        ),
        {"orders.placed_at, sum of milliseconds"},
    ),
    "two dates that cancel out": (
        lambda c: [
            c.update_one({"_id": key}, [{"$set": {"born_on": {"$add": ["$born_on", days * 86_400_000]}}}])
            for key, days in ((1, 1), (2, -1))
        ],
        {"born_on, earliest", "born_on, latest"},
    ),
    "a document removed, its like twice": (
        lambda c: [
            c.delete_one({"_id": 4}),
            c.insert_one({"_id": Int64(5), "orders": []}),
        ],
        {"_id, sum"},
    ),
    "NULL as 0, as an empty text, as false": (
        lambda c: c.update_one(
            {"_id": 4}, {"$set": {"level": 0, "name": "", "is_open": False, "photo": Binary(b"")}}
        ),
        {f"{name}, values" for name in ("level", "name", "is_open", "photo")},
    ),
    "a float, by a millionth of a percent": (
        lambda c: c.update_one({"_id": 3}, {"$inc": {"ratio": 1e7}}),
        {"ratio, sum"},
    ),
    "values of other types, on which conversions fail": (
        lambda c: [
            c.update_one({"_id": 1}, {"$set": {"name": 5, "born_on": "early", "photo": "x", "level": 8.0}}),
            c.update_one({"_id": 2}, {"$set": {"points": "many", "orders.0.lines": "none"}}),
        ],
        {f"{name}, values" for name in ("name", "born_on", "photo", "level", "points")}
        | {"name, characters", "photo, bytes", "points, sum", "born_on, earliest"}
        | {"born_on, sum of milliseconds", "level, sum"}
        | LINES_GONE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_changes_these_figures_and_no_other(spoiled: Published, fault: str) -> None:
    change, expected = FAULTS[fault]
    change(spoiled.handle)
    assert {line.partition(": ")[0] for line in spoiled.unequal()} == expected


def test_what_cancels_out_is_left_to_the_byte_diff(spoiled: Published) -> None:
    """`verify` names figures and documents; the guide's `verify --quick` names figures only."""
    for key, cents in ((1, "0.01"), (2, "-0.01")):
        spoiled.handle.update_one({"_id": key}, {"$inc": {"orders.0.lines.0.price": Decimal128(cents)}})
    assert spoiled.unequal() == []
    figures = f"\t{len(spoiled.figures())} figures"
    assert spoiled.loader.done(*guide_command()).stdout.splitlines()[1].endswith(figures)
    spoiled.handle.update_one({"_id": 3}, {"$inc": {"orders.2.paid": Decimal128("0.0001")}})
    line = f"{NAME} orders.paid, sum: 23.625 in MariaDB, 23.6251 in MongoDB"
    both = "3 documents differ, 1 figures differ"
    for command, found in ((("verify",), both), (guide_command(), "1 figures differ")):
        finished = spoiled.loader.run(*command)
        assert finished.code == 1
        assert line in finished.stdout.splitlines()
        assert finished.stdout.splitlines()[1].endswith(f"\t{found}")


def guide_command() -> tuple[str, ...]:
    """Read the guide's command that only reconciles, and select the test's collection."""
    (command,) = re.findall(r"^pos-loader (verify --quick.*)$", GUIDE, re.MULTILINE)
    return tuple(shlex.split(command.replace("customer_order_history", NAME)))


def test_an_encoder_that_is_wrong_on_both_sides_is_caught_and_nothing_published(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It drops the sign of a decimal, so the written and the expected bytes are equally wrong."""
    right = encode._decimal

    def unsigned(*arguments: Any) -> Any:
        low, high = right(*arguments)
        return [low, high & np.uint64(2**63 - 1)]

    monkeypatch.setattr(encode, "_decimal", unsigned)
    for name, value in published.loader.settings.items():
        monkeypatch.setenv(name, value)
    before = content(published.database, NAME)
    options = Options(full_refresh=True, gate=False)
    with open_job(read_settings(), select=(), progress=Console(quiet=True), options=options) as job:
        loaded = pipeline.load(job, [])
        checked = pipeline.check(job).collections[0]
    assert (loaded.status, loaded.exit_code) == ("failed", 1)
    assert loaded.error == (
        f"2 of {len(published.figures())} figures of {NAME} do not reconcile (first balance, sum: "
        "2999999999999999999999999999999.9996 in MariaDB, 2999999999999999999999999999999.9998 in MongoDB); "
        "nothing was published; run again, and report it if it stays"
    )
    assert content(published.database, NAME) == before
    assert left_behind(published.database) == []
    # The live documents are right. Now the byte comparison expects wrong bytes and reports them.
    assert checked.differences > 0
    assert checked.unequal == ()


def test_items_left_out_or_in_buckets_are_reckoned_with(
    servers: Endpoints, manifest: Manifest, client: Any, database: str, tmp_path: Path
) -> None:
    """Texts in `order_by` sort byte for byte (A before a before b), as in the loader."""
    loader = new_loader(servers, tmp_path, database)
    lines = {"model": "order_lines", "order_by": ["line_number"], "max_items": 2, "on_overflow": "newest"}
    orders = {
        **{"model": "orders", "order_by": ["label"], "exclude": ["label"], "embed": {"lines": lines}},
        **{"max_items": 1, "on_overflow": "overflow", "overflow": {"bucket_items": 1}},
    }
    declared = {**DECLARED, "collection": "trimmed", "embed": {"orders": orders}}
    publishable(loader, manifest, MARTS, declared)
    try:
        whole, buckets = loader.done("load", "--no-gate", "--json").json["collections"]
        figures = {
            (part["name"], each["level"], each["measure"]): each["mongodb"]
            for part in (whole, buckets)
            for each in part["figures"]
            if not each["field"] or each["measure"].startswith("sum over")
        }
        name = f"{NAME}.orders"
        assert figures == {
            (NAME, "", "documents"): "5",
            (NAME, "", "sum over orders"): "6",
            (NAME, "orders", "items"): "3",
            (NAME, "orders", "sum over lines"): str(2 * (10 + 20 + 30)),
            (NAME, "orders.lines", "items"): "6",
            (name, "", "documents"): "6",
            (name, "", "sum over orders"): "12",
            (name, "orders", "items"): "6",
            (name, "orders", "sum over lines"): str(2 * (11 + 12 + 21 + 22 + 31 + 32)),
            (name, "orders.lines", "items"): "12",
        }
        overflow = client[database]["trimmed_orders_overflow"]
        one = overflow.find_one_and_delete({"_id.account_id": 2, "_id.bucket": 1})
        assert one["orders"][0]["order_id"] == 22
        finished = loader.run("verify", "--quick")
        assert finished.code == 1
        assert f"{name} documents: 6 in MariaDB, 5 in MongoDB" in finished.stdout.splitlines()
        assert f"{NAME} " not in finished.stdout
    finally:
        loader.warehouse.query(f"drop database `{loader.warehouse.schema}`")


def test_sums_of_dates_beyond_int64_are_exact(servers: Endpoints, manifest: Manifest, tmp_path: Path) -> None:
    days = Mart(
        {"day_id": "bigint", "ends_on": "date"},
        ("day_id",),
        query="select seq, '9999-12-31' from seq_1_to_40000",
    )
    declared = {"root": "days", "key": "day_id", "embed": {}}
    with shop(servers, manifest, tmp_path, "test_days", marts={"days": days}, **declared) as published:
        (total,) = [each for each in published.load()["figures"] if each["measure"] == "sum of milliseconds"]
    assert int(total["mongodb"]) == 40_000 * 253_402_214_400_000 > 2**63
