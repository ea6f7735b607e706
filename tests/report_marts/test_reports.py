"""Every report mart, row by row and to the last decimal, against the same figures worked out without SQL."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.report_marts import expected_customers, expected_products, expected_sales, expected_source
from tests.report_marts.conftest import DataSet
from tests.report_marts.shop import Shop
from tests.warehouse import PROJECT, Warehouse

Row = dict[str, Any]
EXPECTED: dict[str, Callable[[Shop], Iterator[Row]]] = {
    f"rpt_{rows.__name__}": rows
    for rows in (
        expected_sales.revenue_daily,
        expected_sales.revenue_weekly,
        expected_sales.revenue_monthly,
        expected_sales.undated_sales,
        expected_sales.revenue_by_state,
        expected_sales.revenue_by_city,
        expected_sales.order_metrics_monthly,
        expected_products.product_sales,
        expected_products.inventory,
        expected_products.product_pairs,
        expected_products.unusual_orders,
        expected_customers.customer_segments,
        expected_customers.new_returning_monthly,
        expected_customers.cohort_retention,
        expected_source.source_profile,
    )
}


def columns_and_key(warehouse: Warehouse, report: str) -> tuple[list[str], list[str]]:
    node = warehouse.artifact("manifest")["nodes"][f"model.pos.{report}"]
    return list(node["columns"]), node["config"]["primary_key"]


def by_key(rows: Iterator[Row], key: list[str]) -> dict[tuple[Any, ...], Row]:
    found = {}
    for row in rows:
        place = tuple(row[column] for column in key)
        assert place not in found
        found[place] = row
    return found


@pytest.mark.parametrize("report", EXPECTED)
def test_report_is_what_plain_python_works_out(report: str, data_set: DataSet) -> None:
    columns, key = columns_and_key(data_set.warehouse, report)
    found = by_key(
        (
            dict(zip(columns, row, strict=True))
            for row in data_set.warehouse.query(f"select {', '.join(columns)} from {report}")
        ),
        key,
    )
    expected = by_key(EXPECTED[report](data_set.shop), key)
    assert found.keys() == expected.keys()
    for place, row in expected.items():
        assert found[place] == row


def test_every_report_is_recomputed() -> None:
    models = {path.stem for path in (PROJECT / "models" / "marts" / "reports").glob("*.sql")}
    assert models == set(EXPECTED)


def test_reports_hold_the_known_figures(data_set: DataSet) -> None:
    truth, query = data_set.truth, data_set.warehouse.query
    if not truth:
        return
    months = query("select placed_month, revenue from rpt_revenue_monthly")
    assert {month: amount for month, amount in months if amount} == {
        month: Decimal(amount) for month, amount in truth["revenue_by_month"].items()
    }
    states = query("select state, revenue from rpt_revenue_by_state order by revenue desc limit 5")
    assert [(state if state != "Unknown" else "none", amount) for state, amount in states] == [
        (state, Decimal(amount)) for state, amount in truth["revenue_by_state_top5"]
    ]
    customers = query(
        "select customer_id, lifetime_revenue from rpt_customer_segments "
        "where revenue_rank <= 5 order by revenue_rank"
    )
    assert customers == [(row["id"], Decimal(row["revenue"])) for row in truth["top5_customers_by_revenue"]]
    products = query(
        "select product_id, count_customers from rpt_product_sales "
        "order by count_customers desc, product_id limit 5"
    )
    assert products == [(row["id"], row["buyers"]) for row in truth["top5_products_by_distinct_buyers"]]
    counts = {
        "total_revenue": "select sum(revenue) from rpt_product_sales",
        "units": "select sum(total_units) from rpt_product_sales",
        "products_never_in_a_line": "select sum(is_never_sold) from rpt_product_sales",
        "orders_not_shipped": "select sum(count_unshipped_orders) from rpt_order_metrics_monthly",
        "customers_without_orders": "select sum(segment = 'Never ordered') from rpt_customer_segments",
    }
    found = {name: Decimal(query(sql)[0][0]) for name, sql in counts.items()}
    assert found == {name: Decimal(truth[name]) for name in counts}
