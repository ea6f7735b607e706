"""`verify` names documents that were changed by hand in MongoDB, and `load` repairs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from pymongo.collection import Collection

from pos_sandbox.cluster import Endpoints
from tests.loader.running import Documents, Loader, connect, content
from tests.warehouse import Warehouse

pytestmark = pytest.mark.native

NAMES = CUSTOMERS, PRODUCTS = "customer_order_history", "product_purchase_details"
Document = Mapping[str, Any]
Handle = Collection[dict[str, Any]]


@dataclass(frozen=True)
class Published:
    """The published sample, and a copy of it."""

    loader: Loader
    database: Documents
    before: dict[str, bytes]

    @property
    def is_as_loaded(self) -> bool:
        return {name: content(self.database, name) for name in NAMES} == self.before


@pytest.fixture(scope="module")
def published(sample_warehouse: Warehouse, servers: Endpoints, database: str) -> Iterator[Published]:
    loader = Loader(sample_warehouse, servers.mongo_uri, database)
    loader.done("load", "--full-refresh")
    with connect(servers.mongo_uri) as client:
        yield Published(loader, client[database], {name: content(client[database], name) for name in NAMES})


def with_lines(customers: Handle) -> Document:
    found = customers.find_one({"orders.0.lines.1": {"$exists": True}}, sort=[("_id", -1)])
    assert found is not None
    return found


def change_a_nested_field(customers: Handle) -> tuple[str, ...]:
    """Add one to a quantity, in the same type."""
    document = with_lines(customers)
    customers.update_one({"_id": document["_id"]}, {"$inc": {"orders.0.lines.1.quantity": 1}})
    quantity = document["orders"][0]["lines"][1]["quantity"]
    values = f"expected long {quantity}, found long {quantity + 1}"
    return f"_id {document['_id']} orders.0.lines.1.quantity changed: {values}", "1 documents differ"


def change_a_type(customers: Handle) -> tuple[str, ...]:
    """Write the same number of cents as a double."""
    document = with_lines(customers)
    amount: Decimal128 = document["lifetimeRevenue"]
    changed = {"$set": {"lifetimeRevenue": float(amount.to_decimal())}}
    customers.update_one({"_id": document["_id"]}, changed, bypass_document_validation=True)
    values = f"expected decimal {amount}, found double {float(amount.to_decimal())}"
    return (f"_id {document['_id']} lifetimeRevenue changed: {values}",)


def delete_a_document(customers: Handle) -> tuple[str, ...]:
    """Delete the last document, after which no other is found."""
    (document,) = customers.find(sort=[("_id", -1)], limit=1)
    customers.delete_one({"_id": document["_id"]})
    return (f"_id {document['_id']} missing",)


def add_a_document(customers: Handle) -> tuple[str, ...]:
    """Insert a copy under a key below all others."""
    document = with_lines(customers)
    customers.insert_one({**document, "_id": type(document["_id"])(-404)})
    return ("_id -404 extra",)


CHANGES: list[Callable[[Handle], tuple[str, ...]]] = [
    change_a_nested_field,
    change_a_type,
    delete_a_document,
    add_a_document,
]


@pytest.mark.parametrize("change", CHANGES)
def test_one_change_by_hand_is_named_and_repaired_by_the_next_load(
    published: Published, change: Callable[[Handle], tuple[str, ...]]
) -> None:
    named = change(published.database[CUSTOMERS])
    found = published.loader.run("verify")
    assert found.code == 1
    assert not found.stderr
    for text in named:
        assert text in found.stdout
    assert found.stdout.count(f"{CUSTOMERS} _id ") == 1
    assert f"{CUSTOMERS} {named[0]}" in found.stdout

    repaired = published.loader.done("load", "--json").json
    written = {
        each["name"]: sum(each[kind] for kind in ("inserted", "replaced", "deleted"))
        for each in repaired["collections"]
    }
    assert written == {CUSTOMERS: 1, PRODUCTS: 0}
    assert published.is_as_loaded


def test_what_was_loaded_and_repaired_verifies(published: Published) -> None:
    outcome = published.loader.done("verify", "--json").json
    assert [(each["name"], each["differences"]) for each in outcome["collections"]] == [
        (name, 0) for name in NAMES
    ]
    assert outcome["command"] == "verify"
