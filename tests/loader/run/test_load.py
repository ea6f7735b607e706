"""`load` of the sample: what is in MongoDB afterwards, held against the marts by plain Python and SQL."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo.errors import WriteError

from pos_sandbox.cluster import Endpoints
from tests.loader.running import Documents, Finished, Loader, connect, left_behind
from tests.warehouse import Warehouse

CUSTOMERS, PRODUCTS = "customer_order_history", "product_purchase_details"
LEFT_OUT = {"placed_at", "is_known_order", "count_source_rows"}
UNKNOWN = -1
Row = dict[str, Any]


@dataclass(frozen=True)
class Published:
    """One load of the sample, and where it went."""

    warehouse: Warehouse
    load: Finished
    database: Documents


@pytest.fixture(scope="module")
def published(sample_warehouse: Warehouse, servers: Endpoints, database: str) -> Iterator[Published]:
    loader = Loader(sample_warehouse, servers.mongo_uri, database)
    load = loader.done("load", "--full-refresh", "--json")
    with connect(servers.mongo_uri) as client:
        yield Published(sample_warehouse, load, client[database])


def read(warehouse: Warehouse, table: str, order: str) -> Iterator[Row]:
    """Yield a mart's rows as the BSON values they have to become, NULL left out."""
    types: dict[str, str] = dict(
        warehouse.query(
            "select column_name, column_type from information_schema.columns "
            f"where table_schema = database() and table_name = '{table}' order by ordinal_position"
        )
    )
    for row in warehouse.query(f"select {', '.join(types)} from {table} order by {order}"):
        pairs = zip(types.items(), row, strict=True)
        yield {name: bson_value(kind, value) for (name, kind), value in pairs if value is not None}


def bson_value(kind: str, value: Any) -> Any:
    match kind.partition("(")[0]:
        case "bigint":
            return Int64(value)
        case "int":
            return int(value)
        case "tinyint":
            return bool(value)
        case "decimal":
            return Decimal128(value)
        case "datetime":
            return value
        case "date":
            return datetime.combine(value, time())
        case "varchar":
            return str(value)
    raise AssertionError(f"{kind} is not expected in a mart of the sample")


def camel(row: Row, *, without: frozenset[str] = frozenset()) -> Row:
    return {
        re.sub("_(.)", lambda found: found[1].upper(), name): value
        for name, value in row.items()
        if name not in without
    }


def document(row: Row, key: str) -> Row:
    return {"_id": row[key], **camel(row, without=frozenset({key}))}


def typed(value: Any) -> Any:
    """A value with its types, and with the order of its fields, so that `==` compares those as well."""
    if isinstance(value, Mapping):
        return [(name, typed(each)) for name, each in value.items()]
    if isinstance(value, list):
        return [typed(each) for each in value]
    return type(value).__name__, str(value) if isinstance(value, Decimal128) else value


def expected_customers(warehouse: Warehouse) -> Iterator[Row]:
    lines, orders = defaultdict(list), defaultdict(list)
    for line in read(warehouse, "fct_order_lines", "line_number"):
        key = line["customer_id"], line["order_id"]
        lines[key].append(camel(line, without=frozenset({"customer_id", "order_id", *LEFT_OUT})))
    for order in read(warehouse, "fct_orders", "placed_at, order_id"):
        nested = {"lines": lines[order["customer_id"], order["order_id"]]}
        orders[order["customer_id"]].append(camel(order, without=frozenset({"customer_id"})) | nested)
    for customer in read(warehouse, "dim_customers", "customer_id"):
        yield document(customer, "customer_id") | {"orders": orders[customer["customer_id"]]}


def expected_products(warehouse: Warehouse) -> Iterator[Row]:
    customers = defaultdict(list)
    for purchase in read(warehouse, "fct_product_purchases", "customer_id"):
        customers[purchase["product_id"]].append(camel(purchase, without=frozenset({"product_id"})))
    for product in read(warehouse, "dim_products", "product_id"):
        yield document(product, "product_id") | {"customers": customers[product["product_id"]]}


@pytest.mark.parametrize(("name", "nested"), [(CUSTOMERS, expected_customers), (PRODUCTS, expected_products)])
def test_documents_are_the_marts_nested_by_plain_python(published: Published, name: str, nested: Any) -> None:
    found = list(published.database[name].find(sort=[("_id", 1)]))
    expected = list(nested(published.warehouse))
    assert len(found) == len(expected) > 50
    for there, wanted in zip(found, expected, strict=True):
        assert typed(there) == typed(wanted)


def test_customers_without_orders_and_unsold_products_have_an_empty_array(published: Published) -> None:
    for name, array, mart, facts, key in (
        (CUSTOMERS, "orders", "dim_customers", "fct_orders", "customer_id"),
        (PRODUCTS, "customers", "dim_products", "fct_product_purchases", "product_id"),
    ):
        childless = {
            key
            for (key,) in published.warehouse.query(
                f"select {key} from {mart} where {key} not in (select {key} from {facts})"
            )
        }
        assert childless
        assert {each["_id"] for each in published.database[name].find({array: []})} == childless


def money(documents: Documents, name: str, path: str) -> Decimal:
    (total,) = documents[name].aggregate([{"$group": {"_id": None, "sum": {"$sum": path}}}])
    found: Decimal = total["sum"].to_decimal()
    return found


def test_what_has_no_customer_stays_in_the_facts_and_out_of_the_documents(published: Published) -> None:
    warehouse, documents = published.warehouse, published.database
    ((everything, unplaced),) = warehouse.query(
        f"select sum(line_total), sum(case when customer_id = {UNKNOWN} then line_total end) "
        "from fct_order_lines"
    )
    ((orders, bought),) = warehouse.query(
        f"select (select count(*) from fct_orders where customer_id = {UNKNOWN}), "
        "(select sum(amount) from fct_product_purchases)"
    )
    assert orders > 0
    assert unplaced > 0
    assert documents[CUSTOMERS].find_one({"_id": UNKNOWN}) is None
    assert documents[PRODUCTS].find_one({"_id": UNKNOWN}) is None
    assert documents[PRODUCTS].find_one({"customers.customerId": UNKNOWN}) is None
    assert money(documents, CUSTOMERS, "$lifetimeRevenue") == everything - unplaced
    ((sold,),) = warehouse.query("select sum(total_revenue) from dim_products")
    assert money(documents, PRODUCTS, "$totalRevenue") == sold
    (per_buyer,) = documents[PRODUCTS].aggregate(
        [{"$unwind": "$customers"}, {"$group": {"_id": None, "sum": {"$sum": "$customers.amount"}}}]
    )
    assert per_buyer["sum"].to_decimal() == bought


INDEXES = {
    CUSTOMERS: [
        {"city": 1, "state": 1},
        {"state": 1, "lifetimeRevenue": -1, "_id": 1},
        {"orders.lines.productId": 1},
    ],
    PRODUCTS: [{"customers.city": 1, "customers.state": 1}, {"customers.customerId": 1}],
}


@pytest.mark.parametrize("name", INDEXES)
def test_the_collection_is_laid_out_as_declared(published: Published, name: str) -> None:
    documents = published.database
    entry = documents.client["config"]["collections"].find_one({"_id": f"{documents.name}.{name}"})
    assert entry is not None
    assert entry["key"] == {"_id": "hashed"}
    keys = [dict(each["key"]) for each in documents[name].list_indexes()]
    assert [key for key in keys if key not in ({"_id": 1}, {"_id": "hashed"})] == INDEXES[name]
    stats = list(documents[name].aggregate([{"$collStats": {"storageStats": {}}}]))
    shares = [each["storageStats"]["count"] for each in stats]
    assert len(shares) == len(list(documents.client["config"]["shards"].find()))
    assert min(shares) > 0
    assert sum(shares) == documents[name].count_documents({})


def test_the_validator_refuses_a_document_that_breaks_the_contract(published: Published) -> None:
    customers = published.database[CUSTOMERS]
    whole = customers.find_one({"orders.lines.0": {"$exists": True}})
    assert whole is not None
    for field in ("lifetimeRevenue", "orders.0.orderTotal", "orders.0.lines.0.quantity"):
        with pytest.raises(WriteError, match="failed validation"):
            customers.update_one({"_id": whole["_id"]}, {"$set": {field: "a text"}})
    assert customers.find_one({"_id": whole["_id"]}) == whole


@pytest.mark.parametrize("name", INDEXES)
def test_all_documents_are_as_the_validator_wants_them(published: Published, name: str) -> None:
    """The server has not looked at those known to conform."""
    collection = published.database[name]
    rules = collection.options()["validator"]
    assert collection.count_documents(rules) == collection.count_documents({}) > 0


@pytest.mark.parametrize("name", INDEXES)
def test_a_look_up_by_id_asks_one_shard_and_uses_an_index(published: Published, name: str) -> None:
    for key in [each["_id"] for each in published.database[name].find({}, {"_id": 1}).limit(5)]:
        plan = published.database[name].find({"_id": key}).explain()["queryPlanner"]["winningPlan"]
        assert plan["stage"] == "SINGLE_SHARD"
        assert len(plan["shards"]) == 1
        stages = set(re.findall(r'"stage": "(\w+)"', json.dumps(plan, default=str)))
        assert stages & {"IXSCAN", "IDHACK", "CLUSTERED_IXSCAN", "EXPRESS_IXSCAN"}
        assert "COLLSCAN" not in stages


def test_the_outcome_tells_what_was_published(published: Published) -> None:
    outcome = published.load.json
    rows = {
        table: published.warehouse.query(f"select count(*) from {table} where {key} <> {UNKNOWN}")[0][0]
        for table, key in (
            ("dim_customers", "customer_id"),
            ("fct_orders", "customer_id"),
            ("fct_order_lines", "customer_id"),
            ("dim_products", "product_id"),
            ("fct_product_purchases", "product_id"),
        )
    }
    assert [each["name"] for each in outcome["collections"]] == [CUSTOMERS, PRODUCTS]
    assert {model: count for each in outcome["collections"] for model, count in each["rows"].items()} == rows
    for each in outcome["collections"]:
        documents = list(published.database[each["name"]].find_raw_batches())
        assert each["documents"] == published.database[each["name"]].count_documents({})
        assert each["bytes"] == sum(map(len, documents))
        assert sum(share["documents"] for share in each["shards"].values()) == each["documents"]
    assert outcome["is_cluster"] is True
    assert outcome["dbt_invocation"] == published.warehouse.artifact("manifest")["metadata"]["invocation_id"]
    assert 20e6 < outcome["peak_memory"] < 400e6
    assert json.loads((published.warehouse.target_path / "load_results.json").read_text()) == outcome
    assert left_behind(published.database) == []
