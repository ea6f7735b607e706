"""One new order changes the documents that it concerns: none holds an age, a rank or a share."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pos_sandbox.cluster import Endpoints
from tests.project.sources import create_source, sample_tables
from tests.warehouse import Warehouse, new_warehouse

CUSTOMER, PRODUCTS = 31, (3, 4)
NEW_ORDER = (
    f"insert into `order` values (70001, '2025-02-20 10:00:00', null, {CUSTOMER})",
    f"insert into orderline values (70001, {PRODUCTS[0]}, 2), (70001, {PRODUCTS[1]}, 40)",
)
BOUNDS = 4
"""Bounds between five fifths: at each, one more customer may change sides."""
EXPECTED: Mapping[str, tuple[int, int]] = {
    "customer_order_history": (1, 1),
    "product_purchase_details": (2, 2),
    "customer_segments": (1, 1 + 2 * BOUNDS),
    # The order's products, and one or two whose class another total moves.
    "product_sales": (2, 4),
    # Its month, the two without sales before it, and the one whose end the data now reaches.
    "revenue_monthly": (1, 4),
    # The columns of the tables order and orderline.
    "source_profile": (7, 7),
    "unusual_orders": (1, 1),
}
"""Least and most documents that the order changes, by collection."""


def levels(level: Mapping[str, Any], root: str) -> Iterator[tuple[str, set[str]]]:
    """The models of a collection with the columns that they leave out."""
    yield level.get("model", root), set(level.get("exclude", ()))
    for child in level.get("embed", {}).values():
        yield from levels(child, root)


def published(warehouse: Warehouse) -> dict[str, Counter[tuple[Any, ...]]]:
    """All rows of each collection's models as its documents hold them, each with the document's key first."""
    manifest = warehouse.artifact("manifest")
    found: dict[str, Counter[tuple[Any, ...]]] = {}
    for exposure in manifest["exposures"].values():
        declared = exposure["meta"]["mongo"]
        rows = found.setdefault(exposure["name"], Counter())
        for model, left_out in levels(declared, declared["root"]):
            columns = [
                name for name in manifest["nodes"][f"model.pos.{model}"]["columns"] if name not in left_out
            ]
            selected = ", ".join([declared["key"], f"'{model}'", *columns])
            rows.update(warehouse.query(f"select {selected} from {model}"))
    return found


@pytest.fixture(scope="module")
def changed(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[Any]]:
    """The keys of the documents that differ after the order, by collection."""
    folder = tmp_path_factory.mktemp("one_order")
    warehouse = new_warehouse(servers, folder, "test_one_order", "test_one_order_source")
    create_source(warehouse, sample_tables(), typed=True)
    build = ("build", "--exclude", "test_type:generic", "test_type:singular")
    warehouse.dbt(*build)
    before = published(warehouse)
    for sql in NEW_ORDER:
        replace(warehouse, schema=warehouse.pos_schema).query(sql)
    warehouse.dbt(*build)
    after = published(warehouse)
    return {
        name: {row[0] for row in ((rows - before[name]) + (before[name] - rows))}
        for name, rows in after.items()
    }


def test_every_collection_is_counted(changed: dict[str, set[Any]]) -> None:
    assert changed.keys() == EXPECTED.keys()


@pytest.mark.parametrize("collection", EXPECTED)
def test_one_new_order_changes_the_documents_it_concerns(
    collection: str, changed: dict[str, set[Any]]
) -> None:
    least, most = EXPECTED[collection]
    assert least <= len(changed[collection]) <= most, changed[collection]


def test_the_documents_of_the_order_are_among_them(changed: dict[str, set[Any]]) -> None:
    assert CUSTOMER in changed["customer_segments"]
    assert changed["customer_order_history"] == {CUSTOMER}
    assert changed["product_purchase_details"] == set(PRODUCTS)
    assert set(PRODUCTS) <= changed["product_sales"]
