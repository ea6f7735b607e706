"""Size policies and document sizes on the real servers, with the guide's declaration and queries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import bson
import pytest
import yaml
from bson import json_util
from bson.int64 import Int64
from pymongo.read_concern import ReadConcern

from pos_loader.collection import Partition
from pos_loader.dbt.artifacts import read_manifest
from pos_loader.declaration.spec import read_collections
from pos_loader.documents import cuts, extract, sizes
from pos_loader.documents.nest import nest
from pos_loader.servers import mariadb
from pos_loader.servers.profile import MariaDB
from pos_sandbox.cluster import Endpoints
from tests.loader.handmade import NAME, Mart, publishable
from tests.loader.manifests import Manifest
from tests.loader.running import Documents, Loader, connect, left_behind, mark_end
from tests.warehouse import new_warehouse

pytestmark = pytest.mark.native

GUIDE = (Path(__file__).parents[3] / "docs" / "large-documents.md").read_text(encoding="utf-8")
BUCKETS = "customer_orders_overflow"
CUSTOMERS = Mart({"customer_id": "bigint not null", "name": "varchar(20)"}, ("customer_id",))
ORDERS = Mart(
    {"customer_id": "bigint not null", "order_id": "bigint not null", "placed_at": "datetime(6)"},
    ("customer_id", "order_id"),
)
LINES = Mart(
    {"customer_id": "bigint not null", "order_id": "bigint not null", "line_number": "int not null"},
    ("customer_id", "order_id", "line_number"),
)
# Customer 7 has eight orders, placed in another order than their numbers; 8 has as many as fit; 9 has none.
COUNTS = {-1: 5, 7: 8, 8: 3, 9: 0, 10: 4}


def order_rows(customer: int) -> list[tuple[int, int, str | None]]:
    return [
        (customer, number, f"2024-01-{number * 7 % 11 + 1:02} 10:00:00" if number != 4 else None)
        for number in range(1, COUNTS[customer] + 1)
    ]


@dataclass(frozen=True)
class Shop:
    """Customers with orders and lines in a schema and a database of their own."""

    loader: Loader
    manifest: Manifest
    documents: Documents
    declared: Manifest = field(default_factory=lambda: guide_declaration())

    def declare(self, **orders: Any) -> None:
        """Make the marts again, with another policy for the orders."""
        rows = [row for customer in COUNTS for row in order_rows(customer)]
        marts = {
            "customers": with_rows(CUSTOMERS, [(key, f"Nr {key}") for key in COUNTS if key > 0]),
            "orders": with_rows(ORDERS, rows),
            "order_lines": with_rows(LINES, [(*row[:2], n) for row in rows for n in range(row[1] % 3)]),
        }
        embed = {"orders": {**self.declared["embed"]["orders"], **orders}}
        embed["orders"] = {name: value for name, value in embed["orders"].items() if value is not None}
        publishable(self.loader, self.manifest, marts, {**self.declared, "embed": embed})

    def load(self, *options: str) -> dict[str, Any]:
        finished = self.loader.done("load", "--no-gate", "--json", *options)
        return {each["name"]: each for each in finished.json["collections"]}

    def orders(self, customer: int) -> list[int]:
        """Read the numbers of a customer's orders from MariaDB, oldest first."""
        rows = self.loader.warehouse.query(
            f"select order_id from orders where customer_id = {customer} order by placed_at, order_id"
        )
        return [number for (number,) in rows]

    def kept(self, customer: int) -> list[int]:
        document = self.documents[NAME].find_one({"_id": customer})
        assert document is not None
        return [each["orderId"] for each in document["orders"]]

    def buckets(self, customer: int) -> list[list[int]]:
        found = self.documents[BUCKETS].find({"_id.customerId": customer}, sort=[("_id", 1)])
        buckets = list(found)
        assert [each["_id"]["bucket"] for each in buckets] == list(range(len(buckets)))
        return [[item["orderId"] for item in each["orders"]] for each in buckets]

    def read_back(self, query: str, customer: int) -> list[dict[str, Any]]:
        """Run a query of the guide for another customer."""
        found = re.search(rf"<!-- read-back: {query} -->\n```json\n(.*?)```", GUIDE, re.DOTALL)
        assert found is not None
        text = re.sub(r"\b7\b", str(customer), found[1])
        return list(self.documents[NAME].aggregate(json_util.loads(text)))


def guide_declaration() -> Manifest:
    """The guide's declaration, with lines in the orders and the unknown customer."""
    (text,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    declared: Manifest = yaml.safe_load(text)["meta"]["mongo"]
    declared["unknown_member"] = -1
    declared["indexes"] = [{"keys": {"name": 1}}, {"keys": {"orders.lines.lineNumber": 1}}]
    declared["embed"]["orders"]["embed"] = {"lines": {"model": "order_lines", "order_by": ["line_number"]}}
    return declared


def with_rows(mart: Mart, rows: list[tuple[Any, ...]]) -> Mart:
    return Mart(mart.columns, mart.key, rows)


@pytest.fixture
def shop(
    servers: Endpoints,
    manifest: Manifest,
    client: Any,
    mariadb_schema: str,
    mongo_database: str,
    tmp_path: Path,
) -> Shop:
    warehouse = new_warehouse(servers, tmp_path / "artifacts", mariadb_schema)
    loader = Loader(warehouse, servers.mongo_uri, mongo_database, select=())
    return Shop(loader, manifest, client[mongo_database])


@pytest.fixture
def shop_in_shards(shop: Shop, cluster: Endpoints) -> Iterator[Shop]:
    """The same shop, published to the sharded cluster."""
    loader = replace(shop.loader, mongo_uri=cluster.mongo_uri)
    with connect(loader.mongo_uri) as client:
        yield replace(shop, loader=loader, documents=client[loader.database])
        client.drop_database(loader.database)


def in_buckets(numbers: list[int], size: int) -> list[list[int]]:
    return [
        [number for _, number in group]
        for _, group in groupby(enumerate(numbers), lambda each: each[0] // size)
    ]


def require_overflow(shop: Shop) -> None:
    """Check that the documents have the newest three orders and the buckets the others."""
    for customer in (each for each in COUNTS if each > 0):
        orders = shop.orders(customer)
        assert shop.kept(customer) == orders[-3:]
        assert shop.buckets(customer) == in_buckets(orders[:-3], 2)
        (whole,) = shop.read_back("whole", customer)
        stream = shop.read_back("stream", customer)
        assert [each["orderId"] for each in whole["orders"]] == orders
        assert whole["orders"] == stream
        assert whole["name"] == f"Nr {customer}"
        assert [len(each["lines"]) for each in stream] == [number % 3 for number in orders]
    assert shop.documents[BUCKETS].count_documents({"_id.customerId": -1}) == 0
    assert shop.loader.done("verify", "--quiet").code == 0


def test_overflow_keeps_the_newest_and_reads_back_as_one(shop_in_shards: Shop) -> None:
    shop = shop_in_shards
    shop.declare()
    first = shop.load("--partition-rows", "4")
    require_overflow(shop)
    assert first[NAME]["left_out"] == first[f"{NAME}.orders"]["left_out"] == {}
    together = [first[NAME]["rows"]["orders"], first[f"{NAME}.orders"]["rows"]["orders"]]
    assert together == [3 + 3 + 3, 5 + 1]
    entry = shop.documents.client["config"]["collections"].find_one(
        {"_id": f"{shop.documents.name}.{BUCKETS}"}
    )
    assert entry is not None
    assert entry["key"] == {"_id.customerId": "hashed"}
    indexes = [dict(each["key"]) for each in shop.documents[BUCKETS].list_indexes()]
    assert {"orders.lines.lineNumber": 1} in indexes
    assert {"name": 1} not in indexes
    buckets = shop.documents.get_collection(BUCKETS, read_concern=ReadConcern("local"))
    plan = buckets.find({"_id.customerId": 7}).explain()["queryPlanner"]["winningPlan"]
    assert plan["stage"] == "SINGLE_SHARD"

    sql = shop.loader.warehouse.query
    sql("insert into orders values (7, 9, '2025-01-01'), (8, 6, '2023-01-01')")
    sql("delete from orders where customer_id = 10 and order_id = 1")
    sql("delete from order_lines where customer_id = 10 and order_id = 1")
    changes = []
    with shop.documents.watch() as stream:
        second = shop.load()
        mark_end(shop.documents)
        for change in stream:
            if change["ns"]["coll"] == "end":
                break
            changes.append(change)
    assert {each["mode"] for each in second.values()} == {"sync"}
    require_overflow(shop)
    written = [
        second[name][how] for name in (NAME, f"{NAME}.orders") for how in ("inserted", "replaced", "deleted")
    ]
    # 7: the sixth overflowing order fills bucket 2. 8: the first one is the oldest. 10: its only bucket goes.
    assert written == [0, 2, 0, 1, 1, 1]
    changes = [change for change in changes if change["ns"]["coll"] in (NAME, BUCKETS)]
    assert len(changes) == 5
    assert len({(str(change["lsid"]), change["txnNumber"]) for change in changes}) == 1

    shop.declare(max_items=100)
    third = shop.load("--max-delete-share", "0.5")
    assert (third[f"{NAME}.orders"]["documents"], third[f"{NAME}.orders"]["deleted"]) == (0, 4)
    assert shop.documents[BUCKETS].count_documents({}) == 0
    assert left_behind(shop.documents) == []


def test_newest_leaves_the_others_out_and_counts_them(shop: Shop) -> None:
    lines = {"model": "order_lines", "order_by": ["line_number"], "max_items": 1, "on_overflow": "newest"}
    shop.declare(on_overflow="newest", overflow=None, embed={"lines": lines})
    found = shop.load()
    ((orders, all_lines),) = shop.loader.warehouse.query(
        "select (select count(*) from orders where customer_id > 0), "
        "(select count(*) from order_lines where customer_id > 0)"
    )
    documents = list(shop.documents[NAME].find())
    nested = [order for each in documents for order in each["orders"]]
    nested_lines = [line["lineNumber"] for order in nested for line in order["lines"]]
    assert {each["_id"]: [order["orderId"] for order in each["orders"]] for each in documents} == {
        customer: shop.orders(customer)[-3:] for customer in COUNTS if customer > 0
    }
    assert nested_lines == [order["orderId"] % 3 - 1 for order in nested if order["orderId"] % 3]
    outcome = found[NAME]
    assert outcome["rows"] == {"customers": 4, "orders": len(nested), "order_lines": len(nested_lines)}
    assert outcome["left_out"] == {
        "orders": orders - len(nested),
        "order_lines": all_lines - len(nested_lines),
    }
    assert shop.loader.done("verify", "--quiet").code == 0

    shop.loader.warehouse.query("insert into orders values (8, 9, '2025-01-01')")
    changed = shop.load()[NAME]
    assert (changed["mode"], changed["replaced"], changed["unchanged"]) == ("sync", 1, 3)
    assert changed["left_out"]["orders"] == outcome["left_out"]["orders"] + 1
    assert shop.kept(8) == shop.orders(8)[-3:]


def test_fail_names_the_longest_array_before_the_first_write(shop: Shop) -> None:
    shop.declare(on_overflow="fail", overflow=None)
    finished = shop.loader.invoke("load", "--no-gate", "--quiet")
    assert finished.code == 1
    assert finished.error == (
        "8 items in orders of customer_id 7, max_items is 3 (model orders, collection handmade); "
        "raise max_items, declare on_overflow, or keep fewer rows in the mart"
    )
    assert shop.documents.list_collection_names(filter={"name": {"$regex": NAME}}) == []


@pytest.fixture
def large(shop: Shop) -> Shop:
    """Publish two documents around 16 MiB, made of wide items, and a small one."""
    kind = "mediumtext"
    items = Mart(
        {"shop_id": "bigint not null", "item": "int not null", "note": kind},
        ("shop_id", "item"),
        query="select shops.seq, items.seq, repeat('x', if(shops.seq = 3, 10, 1000000) + 5 * shops.seq) "
        "from seq_1_to_3 shops, seq_1_to_17 items where not (shops.seq = 1 and items.seq = 17)",
    )
    shops = Mart({"shop_id": "bigint not null"}, ("shop_id",), rows=[(1,), (2,), (3,)])
    declared = {"root": "shops", "key": "shop_id", "embed": {"items": {"model": "items"}}}
    publishable(
        shop.loader,
        shop.manifest,
        {"shops": shops, "items": items},
        {**declared, "shard_key": {"_id": "hashed"}, "document_budget": 1000},
    )
    return shop


def test_a_document_over_16_mib_is_refused_before_anything_is_written(large: Shop) -> None:
    with large.documents.watch() as stream:
        finished = large.loader.run("load", "--no-gate", "--quiet")
        mark_end(large.documents)
        created = []
        for change in stream:
            if change["ns"]["coll"] == "end":
                break
            created.append(change["ns"]["coll"])
    assert finished.code == 1
    items = [{"item": number, "note": "x" * 1_000_010} for number in range(1, 18)]
    size = len(bson.encode({"_id": Int64(2), "items": items}))
    assert finished.error.startswith(f"_id 2 with {size:,} bytes of handmade is over MongoDB's 16,777,216 ")
    assert "largest array: 17 items in items of shop_id 2" in finished.error
    assert set(created) <= {"pos_loader_leases"}
    assert large.documents.list_collection_names(filter={"name": {"$regex": "handmade"}}) == []


def test_documents_over_the_budget_are_warned_of_and_published(large: Shop) -> None:
    large.loader.warehouse.query("delete from items where shop_id = 2 and item = 17")
    finished = large.loader.done("load", "--no-gate")
    sent = [len(each) for each in large.documents[NAME].find_raw_batches(batch_size=1)]
    assert (
        f"2 documents of handmade are over document_budget 1,000, the largest _id 2 with {max(sent):,} bytes"
        in (finished.stderr)
    )


MANY_LINES, LINES_PER_ORDER = 200_000, 500


@pytest.fixture
def heavy(shop: Shop) -> Shop:
    """Three customers; the second has 200,000 lines in 400 orders, a document of about 15 MB."""
    key = {"customer_id": "bigint not null", "order_id": "bigint not null"}
    orders = Mart(
        {**key, "total": "decimal(19,4) not null"},
        ("customer_id", "order_id"),
        query="select if(seq in (1, 2), 2 * seq - 1, 2), seq, seq / 4 "
        f"from seq_1_to_{MANY_LINES // LINES_PER_ORDER + 2}",
    )
    lines = Mart(
        {
            **key,
            "line_number": "int not null",
            "product_id": "bigint not null",
            "unit_price": "decimal(19,4) not null",
        },
        ("customer_id", "order_id", "line_number"),
        query="select customer_id, order_id, numbers.seq, numbers.seq * order_id, numbers.seq / 4 "
        f"from orders, seq_1_to_{LINES_PER_ORDER} numbers",
    )
    customers = Mart({"customer_id": "bigint not null"}, ("customer_id",), rows=[(1,), (2,), (3,)])
    inner = {"lines": {"model": "order_lines", "order_by": ["line_number"]}}
    embed = {"orders": {"model": "orders", "order_by": ["order_id"], "embed": inner}}
    publishable(
        shop.loader,
        shop.manifest,
        {"customers": customers, "orders": orders, "order_lines": lines},
        {"root": "customers", "key": "customer_id", "embed": embed, "shard_key": {"_id": "hashed"}},
    )
    return shop


def test_a_customer_with_200_000_lines_is_a_document_of_15_mb(heavy: Shop) -> None:
    finished = heavy.loader.done("load", "--no-gate", "--json")
    assert (
        "1 documents of handmade are over document_budget 1,048,576, the largest _id 2 with"
        in finished.stderr
    )
    batches: Any = heavy.documents[NAME].find_raw_batches({"_id": 2})
    found = b"".join(batches)
    assert 14_500_000 < len(found) < 16_000_000
    document = bson.decode(found)
    assert [each["order_id"] for each in document["orders"]] == list(
        range(3, MANY_LINES // LINES_PER_ORDER + 3)
    )
    for order in document["orders"]:
        numbers = range(1, LINES_PER_ORDER + 1)
        assert order["lines"] == [
            {
                "line_number": number,
                "product_id": number * order["order_id"],
                "unit_price": bson.Decimal128(f"{number / 4:.4f}"),
            }
            for number in numbers
        ]
    verified = heavy.loader.done("verify", "--json", "--quiet").json["collections"][0]
    assert (verified["unchanged"], verified["differences"]) == (3, 0)
    assert verified["rows"]["order_lines"] == MANY_LINES + 2 * LINES_PER_ORDER
    assert all(figure["equal"] for figure in verified["figures"])


VALUES = Mart(
    {
        **{"parent_id": "bigint not null", "item_id": "int not null", "flag": "tinyint(1)"},
        **{"price": "decimal(19,4)", "ratio": "double", "happened_at": "datetime(6)"},
        **{"name": "varchar(40)", "raw": "varbinary(9)", "data": "json"},
    },
    ("parent_id", "item_id"),
    query="select parents.seq, items.seq, nullif(items.seq % 3, 2), nullif(items.seq * 1.25, 5), "
    "nullif(items.seq / 7, 1), if(items.seq % 4, '2024-01-01', null), "
    "if(items.seq % 5, repeat(elt(parents.seq % 4 + 1, 'x', 'é', '€', '🛒'), items.seq % 11), null), "
    "if(items.seq % 2, unhex('00ff10'), null), "
    "elt(parents.seq % 4, '[1,2,[],\"\",1.5,{\"a\":null,\"b\":[1E1,99999999999]}]', 'true', '{}') "
    "from seq_1_to_20 parents, seq_1_to_130 items where items.seq <= parents.seq * parents.seq / 3",
)
PARENTS = Mart(
    {"parent_id": "bigint not null", "label": "varchar(20)"},
    ("parent_id",),
    query="select seq, if(seq % 3, concat('Größe ', seq), null) from seq_1_to_20",
)


@pytest.mark.parametrize(
    ("without", "options", "is_exact"),
    [(["data"], {}, True), ([], {}, False), (["data"], {"max_items": 9, "on_overflow": "newest"}, False)],
)
def test_sizes_in_sql_are_exact_or_a_bound(
    shop: Shop, without: list[str], options: dict[str, Any], is_exact: bool
) -> None:
    values = {"model": "vals", "order_by": ["item_id"], "nulls": "keep", "exclude": without, **options}
    deeper = {**values, "exclude": [*without, "name"], "nulls": "omit"}
    publishable(
        shop.loader,
        shop.manifest,
        {"parents": PARENTS, "vals": VALUES},
        {
            "root": "parents",
            "key": "parent_id",
            "shard_key": "none",
            "embed": {"values": values, "more": deeper},
        },
    )
    warehouse = shop.loader.warehouse
    server = MariaDB(warehouse.host, warehouse.port, warehouse.user, warehouse.password, warehouse.schema)
    (collection,) = read_collections(read_manifest(warehouse.target_path), database="none")
    documents = nest(collection, extract.extract(server, collection, Partition(0, None, None)))
    actual = dict(zip(documents.keys.to_pylist(), map(len, documents.bson.to_pylist()), strict=True))
    with mariadb.connect(server) as queries:
        found, _, _ = sizes.largest(queries, collection)
        longest = sizes.longest_arrays(queries, collection, top=2)
        arrays = [(each.path, each.key, each.items) for each in longest]
        assert arrays == [("values", (("parent_id", 20),), 130), ("more", (("parent_id", 20),), 130)]
        assert {each.key for each in found} == set(actual)
        for each in found:
            assert each.bytes == actual[each.key] if each.is_exact else each.bytes >= actual[each.key]
        exact = [each for each in found if each.is_exact]
        assert len(exact) == len(actual) if is_exact else 0 < len(exact) < len(actual)
        for budget in (max(actual.values()), max(actual.values()) - 1, sorted(actual.values())[5]):
            small = replace(collection, document_budget=budget)
            over = sum(size > budget for size in actual.values())
            assert sizes.largest(queries, small)[1] == over
            limit = sizes.allowance(small)
            within = cuts.cut(queries, small, rows=50, weights=sizes.widths(small), limit=limit).heavy
            warning = sizes.check(queries, small, within=within)
            assert warning.startswith(f"{over} documents" if over else "")
            assert bool(warning) == bool(over)
