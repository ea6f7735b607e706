"""Compares marts with figures computed without SQL, for the sample and the data sets in POS_DATA_DIR."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.project.sources import sample_tables
from tests.truth import Figures, figures_of_marts, money, read_truth
from tests.warehouse import DATA_SETS, Warehouse

SAMPLE = "sample"


def truth_of_sample() -> Figures:
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
    known = sum(amount for key, amount in by_customer.items() if key in customers)
    return {
        "products": len(tables["product"]),
        "customers": len(customers),
        "orders": len(orders),
        "lines": len(tables["orderline"]),
        "distinct_order_product": len({row[:2] for row in tables["orderline"]}),
        "units": sum(1 if row[2] is None else row[2] for row in tables["orderline"]),
        "product_customer_pairs": len(pairs),
        "revenue_with_known_customer": money(known),
        "total_revenue": money(sum(by_customer.values())),
        "revenue_by_month": {month: money(amount) for month, amount in by_month.items()},
    }


@pytest.fixture(scope="module", params=[SAMPLE, *DATA_SETS], ids=lambda param: getattr(param, "name", param))
def built(
    request: pytest.FixtureRequest, data_warehouse: Callable[[Path], Warehouse]
) -> tuple[Warehouse, Figures]:
    """A built data set and its true figures."""
    if request.param == SAMPLE:
        return request.getfixturevalue("sample_warehouse"), truth_of_sample()
    folder: Path = request.param
    warehouse = data_warehouse(folder)
    statuses = {result["status"] for result in warehouse.artifact("run_results")["results"]}
    assert statuses == {"success", "pass", "no-op"}  # no-op: an exposure
    return warehouse, read_truth(folder)


def test_every_figure_is_that_of_the_marts(built: tuple[Warehouse, Figures]) -> None:
    warehouse, truth = built
    found = figures_of_marts(warehouse.query)
    assert {name: found[name] for name in truth} == truth
