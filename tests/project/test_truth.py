"""Marts against figures worked out without SQL: of the sample, and of the data sets in POS_DATA_DIR."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.project.sources import sample_tables
from tests.warehouse import DATA_SETS, Row, Warehouse

SAMPLE = "sample"


def truth_of_sample() -> dict[str, Any]:
    """The figures of truth.json for the sample, by plain Python."""
    tables = sample_tables()
    prices = {key: Decimal(price) for key, _, price, _ in tables["product"] if price is not None}
    products = {row[0] for row in tables["product"]}
    customers = {row[0] for row in tables["customer"]}
    orders = {row[0]: row for row in tables["order"]}
    by_customer: dict[int, Decimal] = defaultdict(Decimal)
    by_month: dict[str, Decimal] = defaultdict(Decimal)
    pairs = set()
    for order, product, quantity in tables["orderline"]:
        amount = prices.get(product, Decimal(0)) * (1 if quantity is None else quantity)
        _, placed, _, customer = orders.get(order, (None,) * 4)
        by_customer[customer if customer in customers else -1] += amount
        by_month[placed[:7] if placed else "none"] += amount
        if product in products and customer in customers:
            pairs.add((product, customer))
    top = sorted((item for item in by_customer.items() if item[0] >= 0), key=lambda item: (-item[1], item[0]))
    return {
        "products": len(tables["product"]),
        "customers": len(customers),
        "orders": len(orders),
        "lines": len(tables["orderline"]),
        "distinct_order_product": len({row[:2] for row in tables["orderline"]}),
        "units": sum(1 if row[2] is None else row[2] for row in tables["orderline"]),
        "product_customer_pairs": len(pairs),
        "total_revenue": str(sum(by_customer.values())),
        "top5_customers_by_revenue": [{"id": key, "revenue": str(amount)} for key, amount in top[:5]],
        "revenue_by_month": {month: str(amount) for month, amount in by_month.items()},
    }


@pytest.fixture(scope="module", params=[SAMPLE, *DATA_SETS], ids=lambda param: getattr(param, "name", param))
def built(
    request: pytest.FixtureRequest, data_warehouse: Callable[[Path], Warehouse]
) -> tuple[Warehouse, dict[str, Any]]:
    """A built data set and its true figures."""
    if request.param == SAMPLE:
        return request.getfixturevalue("sample_warehouse"), truth_of_sample()
    folder: Path = request.param
    warehouse = data_warehouse(folder)
    statuses = {result["status"] for result in warehouse.artifact("run_results")["results"]}
    assert statuses == {"success", "pass"}
    return warehouse, json.loads((folder / "truth.json").read_text())


def money(pairs: Iterable[Row]) -> dict[Any, Decimal]:
    return {key: Decimal(amount) for key, amount in pairs}


def test_counts(built: tuple[Warehouse, dict[str, Any]]) -> None:
    warehouse, truth = built
    ((customers, products, orders, pairs),) = warehouse.query(
        "select (select count(*) from dim_customers), (select count(*) from dim_products), "
        "(select count(*) from fct_orders), (select count(*) from fct_product_purchases)"
    )
    ((lines, source_rows, units),) = warehouse.query(
        "select count(*), sum(count_source_rows), sum(quantity) from fct_order_lines"
    )
    found = {
        "customers": customers,
        "products": products,
        "orders": orders,
        "product_customer_pairs": pairs,
        "distinct_order_product": lines,
        "lines": source_rows,
        "units": units,
    }
    assert found == {name: truth[name] for name in found}


def test_total_revenue(built: tuple[Warehouse, dict[str, Any]]) -> None:
    warehouse, truth = built
    assert warehouse.query("select sum(line_total) from fct_order_lines") == [
        (Decimal(truth["total_revenue"]),)
    ]


def test_revenue_by_month(built: tuple[Warehouse, dict[str, Any]]) -> None:
    warehouse, truth = built
    found = warehouse.query(
        "select coalesce(date_format(placed_at, '%Y-%m'), 'none'), sum(line_total) "
        "from fct_order_lines group by 1"
    )
    assert money(found) == money(truth["revenue_by_month"].items())


def test_top_customers(built: tuple[Warehouse, dict[str, Any]]) -> None:
    warehouse, truth = built
    found = warehouse.query(
        "select customer_id, lifetime_revenue from dim_customers "
        "order by lifetime_revenue desc, customer_id limit 5"
    )
    expected = [(row["id"], Decimal(row["revenue"])) for row in truth["top5_customers_by_revenue"]]
    assert found == expected
