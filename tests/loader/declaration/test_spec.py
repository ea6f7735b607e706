"""Exposures to collections: what is resolved; what is refused is in errors.yml."""

from __future__ import annotations

from pathlib import Path

import pytest

from pos_loader.collection import BsonType, Collection, Level
from pos_loader.declaration.bson_types import bson_type, precision_and_scale
from pos_loader.declaration.spec import read_collections
from pos_loader.declaration.validator import check
from pos_loader.errors import SpecError
from tests.loader.manifests import Change, Manifest, changed, declaration


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


def test_databases_that_differ_in_case_alone_are_refused(manifest: Manifest, tmp_path: Path) -> None:
    change: Change = lambda content: declaration(content).update(database="POS")  # noqa: E731
    with pytest.raises(
        SpecError, match=r"^databases POS of customer_order_history and pos differ in case alone"
    ):
        read_collections(changed(manifest, change, tmp_path), database="pos")


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
