"""Exposures to collections: what is resolved, and what is refused in which words."""

# ruff: noqa: E501 - a case of a table stays on one line

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loader.artifacts import read_manifest
from loader.collection import BsonType, Collection, Level
from loader.errors import SpecError
from loader.schema import check
from loader.spec import read_collections
from loader.types import bson_type, precision_and_scale
from tests.loader.manifests import Change, Manifest, changed, declaration, exposure, model


def read(manifest: Manifest, change: Change, folder: Path) -> Collection:
    collections = read_collections(changed(manifest, change, folder), database="pos")
    for each in collections:
        check(each)
    return next(each for each in collections if each.name == "customer_order_history")


def unchanged(_: Manifest) -> None:
    pass


def fields(level: Level) -> dict[str, BsonType]:
    return {field.name: field.type for field in level.fields}


def test_customers_resolve_to_three_levels(manifest: Manifest, tmp_path: Path) -> None:
    customers = read(manifest, unchanged, tmp_path)
    (orders,) = customers.root.children
    (lines,) = orders.children
    assert [level.key for level in customers.root.walk()] == [
        ("customer_id",),
        ("customer_id", "order_id"),
        ("customer_id", "order_id", "line_number"),
    ]
    assert customers.shard_key == (("_id", "hashed"),)
    assert next(iter(fields(customers.root))) == "_id"
    assert fields(customers.root)["lifetimeRevenue"] is BsonType.DECIMAL
    assert fields(customers.root)["birthdate"] is BsonType.DATE
    assert fields(orders)["isShipped"] is BsonType.BOOL
    assert "customerId" not in fields(orders), "ancestors' keys are left out"
    assert "orderId" not in fields(lines)
    assert fields(lines)["lineNumber"] is BsonType.INT32
    required = {field.name for field in customers.root.fields if not field.nullable}
    assert {"_id", "countOrders"} <= required
    assert "birthdate" not in required


def test_options_of_a_level(manifest: Manifest, tmp_path: Path) -> None:
    def change(content: Manifest) -> None:
        mongo = declaration(content)
        mongo |= {"exclude": ["phone"], "rename": {"email": "mail"}, "nulls": "keep"}
        mongo["embed"]["orders"] |= {"types": {"is_shipped": "int32"}, "rename": {"order_id": "number"}}
        mongo |= {"collection": "customers", "database": "shop", "field_case": "snake", "chunks": 8}
        mongo |= {"indexes": []}

    customers = read(manifest, change, tmp_path)
    assert (customers.database, customers.collection, customers.chunks) == ("shop", "customers", 8)
    assert "phone" not in fields(customers.root)
    assert "mail" in fields(customers.root)
    assert "first_name" in fields(customers.root)
    assert all(field.keep_null for field in customers.root.fields)
    orders = customers.root.children[0]
    assert fields(orders)["is_shipped"] is BsonType.INT32
    assert fields(orders)["number"] is BsonType.INT64
    assert not any(field.keep_null for field in orders.fields), "nulls is said per level"


def set_mongo(**values: Any) -> Change:
    return lambda content: declaration(content).update(values)


def set_orders(**values: Any) -> Change:
    return lambda content: declaration(content)["embed"]["orders"].update(values)


def drop_mongo(name: str) -> Change:
    return lambda content: declaration(content).__delitem__(name)


def set_model(name: str, **config: Any) -> Change:
    return lambda content: model(content, name)["config"].update(config)


def set_type(name: str, column: str, data_type: str) -> Change:
    return lambda content: model(content, name)["columns"][column].update(data_type=data_type)


REFUSED: dict[str, tuple[Change, str]] = {
    "misspelt key": (set_mongo(shardkey={"_id": 1}), r"meta\.mongo\.shardkey .*Extra inputs.*allowed here: .*shard_key"),
    "missing root": (drop_mongo("root"), r"meta\.mongo\.root: Field required"),
    "missing shard key": (drop_mongo("shard_key"), r"meta\.mongo\.shard_key: Field required"),
    "unknown model": (set_mongo(root="dim_clients"), r"model dim_clients is unknown .*depends_on names: dim_customers"),
    "model not in depends_on": (set_orders(model="dim_products"), r"model dim_products is not in depends_on"),
    "root key is not the primary key": (set_mongo(key="zip"), r"root dim_customers has primary key \(customer_id\), not \(zip\)"),
    "embed breaks the key rule": (
        set_model("fct_orders", primary_key=["order_id"]),
        r"embed orders: primary key \(order_id\) of fct_orders does not begin with its parent's \(customer_id\) "
        r".*; cluster fct_orders by \(customer_id, ",
    ),
    "embed without a key of its own": (
        set_model("fct_orders", primary_key=["customer_id"]),
        r"fct_orders has no key below its parent's",
    ),
    "no primary key": (set_model("fct_orders", primary_key=None), r"model fct_orders has no primary_key"),
    "no contract": (
        lambda content: model(content, "fct_orders")["config"]["contract"].update(enforced=False),
        r"model fct_orders has no enforced contract",
    ),
    "unknown column to exclude": (set_mongo(exclude=["fax"]), r"exclude: model dim_customers has no column fax .*; its columns are: "),
    "unknown column to sort by": (set_orders(order_by=["placed"]), r"order_by: model fct_orders has no column placed"),
    "two fields of one name": (set_mongo(rename={"email": "phone"}), r"two fields are named phone"),
    "array named as a field": (set_mongo(rename={"email": "orders"}), r"two fields are named orders"),
    "reserved field name": (set_mongo(rename={"email": "$mail"}), r"field name '\$mail' has a character MongoDB reserves"),
    "excluded key": (set_mongo(exclude=["customer_id"]), r"key customer_id is excluded or renamed"),
    "decimal declared double": (set_mongo(types={"lifetime_revenue": "double"}), r"decimal\(19,4\) cannot be declared double"),
    "unknown type": (set_mongo(types={"email": "text"}), r"meta\.mongo\.types\.email 'text'"),
    "timestamp": (set_type("fct_orders", "placed_at", "timestamp"), r"type timestamp has no exact BSON form: its value depends on the session's time zone"),
    "time": (set_type("fct_orders", "placed_at", "time"), r"type time has no exact BSON form"),
    "35 digits": (set_type("fct_orders", "order_total", "decimal(35,2)"), r"decimal\(35,2\) has more than 34 digits"),
    "decimal key": (set_type("dim_customers", "customer_id", "decimal(10,0)"), r"key customer_id is decimal\(10,0\) .*; a document key is"),
    "unsigned key": (set_type("dim_customers", "customer_id", "bigint unsigned"), r"key customer_id is bigint unsigned"),
    "unknown member of another type": (set_mongo(unknown_member="none"), r"unknown_member 'none' is not of the type of key"),
    "shard key on no field": (set_mongo(shard_key={"country": 1}), r"shard_key: no field country .*; fields are: "),
    "shard key in an array": (set_mongo(shard_key={"orders.orderId": 1}), r"shard.key.*orders\.orderId"),
    "shard key of another kind": (set_mongo(shard_key={"_id": -1}), r"meta\.mongo\.shard_key"),
    "index on no field": (set_mongo(indexes=[{"keys": {"town": 1}}]), r"index town_1: no field town"),
    "index of another kind": (set_mongo(indexes=[{"keys": {"city": 2}}]), r"meta\.mongo\.indexes\.0\.keys\.city 2"),
    "unknown index option": (set_mongo(indexes=[{"keys": {"city": 1}, "uniq": True}]), r"uniq True: Extra inputs.*unique"),
    "unique index without the shard key": (
        set_mongo(indexes=[{"keys": {"email": 1}, "unique": True}], shard_key={"state": 1, "_id": 1}),
        r"unique index email_1 on \(email\) cannot hold across shards.*begin it with the shard key \(state, _id\)",
    ),
    "unique index under a hashed shard key": (
        set_mongo(indexes=[{"keys": {"email": 1}, "unique": True}]),
        r"unique index email_1 on \(email\) cannot hold across shards",
    ),
    "no mapping": (lambda content: exposure(content)["meta"].update(mongo="yes"), r"meta\.mongo 'yes' is no mapping"),
    "two exposures, one collection": (set_mongo(collection="product_purchase_details"), r"both publish pos\.product_purchase_details"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_declaration_that_cannot_be_published_is_refused(
    case: str, manifest: Manifest, tmp_path: Path
) -> None:
    change, message = REFUSED[case]
    with pytest.raises(SpecError, match=message) as refused:
        read(manifest, change, tmp_path)
    assert "\n" not in str(refused.value)
    assert refused.value.where
    assert refused.value.fix or "meta.mongo" in refused.value.what


def test_selection(manifest: Manifest, tmp_path: Path) -> None:
    parsed = changed(manifest, unchanged, tmp_path)
    (only,) = read_collections(parsed, database="pos", select=["product_purchase_details"])
    assert only.name == "product_purchase_details"
    with pytest.raises(SpecError, match=r"no collection nothing .*declared are: customer_order_history, "):
        read_collections(parsed, database="pos", select=["nothing"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "manifest.json is missing .*run dbt build first"),
        ("{", "manifest.json cannot be read"),
        ("[]", "manifest.json is no dbt artifact"),
        ('{"metadata": {"dbt_version": "2.0.0"}}', "manifest.json of dbt 2.0.0 cannot be read"),
    ],
)
def test_a_broken_manifest_is_named(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        read_manifest(tmp_path)


def test_sql_types() -> None:
    assert bson_type("int unsigned") is BsonType.INT64
    assert bson_type("tinyint(1)") is BsonType.INT32
    assert bson_type("tinyint(1)", "bool") is BsonType.BOOL
    assert bson_type("BOOLEAN") is BsonType.BOOL
    assert bson_type("longtext", "json") is BsonType.JSON
    assert bson_type("json") is BsonType.JSON
    assert bson_type("double precision") is BsonType.DOUBLE
    assert bson_type("varbinary(16)") is BsonType.BINARY
    assert bson_type("decimal(34,4)") is BsonType.DECIMAL
    assert precision_and_scale("decimal(19,4)") == (19, 4)
    assert precision_and_scale("decimal(7)") == (7, 0)
    assert precision_and_scale("decimal") == (10, 0)
