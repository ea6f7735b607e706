"""What the page says is what the marts hold, and what others worked out."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest

from tests.page.conftest import Report
from tests.page.reading import Cell

TABLES = {
    "Revenue by month": (
        (1, 3, 4, 5, 6),
        "select revenue, count_orders, total_units, returned_units, returned_amount "
        "from rpt_revenue_monthly order by placed_month desc limit 120",
    ),
    "Revenue by day": (
        (1, 2, 3, 4),
        "select revenue, revenue_7_day_average, revenue_28_day_average, count_orders "
        "from rpt_revenue_daily order by placed_on desc limit 182",
    ),
    "New and returning customers by month": (
        (1, 2, 3, 4, 5),
        "select count_new_customers, count_returning_customers, new_revenue, returning_revenue, "
        "unknown_revenue from rpt_new_returning_monthly order by placed_month desc limit 120",
    ),
    "Revenue by state": (
        (0, 1, 2, 3, 4),
        "select state, revenue, revenue_share, count_orders, count_customers from rpt_revenue_by_state "
        "where count_orders > 0 order by revenue_rank, state limit 100",
    ),
    "Revenue by city": (
        (0, 1, 2, 3, 4, 5),
        "select city, state, revenue, revenue_share, count_orders, count_customers from rpt_revenue_by_city "
        "order by revenue_rank, city, state limit 12",
    ),
    "Products with the highest revenue": (
        (1, 2, 3, 4, 5, 6),
        "select abc_class, revenue, revenue_share, total_units, count_orders, count_customers "
        "from rpt_product_sales order by revenue_rank, product_id limit 12",
    ),
    "Classes": (
        (0, 1, 2, 3),
        "select abc_class, count(*), sum(is_never_sold), sum(revenue) from rpt_product_sales "
        "group by 1 order by 1",
    ),
    "Least sold": (
        (1, 2, 3),
        "select total_units, count_orders, revenue from rpt_product_sales where is_known_product "
        "order by least_sold_rank, product_id limit 10",
    ),
    "Customer segments": (
        (0, 1, 2, 3),
        "select segment, count(*), sum(count_orders), sum(lifetime_revenue) from rpt_customer_segments "
        "group by 1 order by 4 desc, 1",
    ),
    "Customers with the highest lifetime revenue": (
        (2, 3, 5),
        "select segment, count_orders, lifetime_revenue from rpt_customer_segments where count_orders > 0 "
        "order by revenue_rank, customer_id limit 10",
    ),
    "Pairs in most orders": (
        (2, 3, 4, 5, 6),
        "select count_orders, support, confidence, reverse_confidence, lift from rpt_product_pairs "
        "order by count_orders desc, lift desc, product_id, paired_product_id limit 12",
    ),
    "Unusual orders with the highest totals": (
        (0, 4, 5, 6),
        "select cast(order_id as char), order_total, total_units, largest_quantity from rpt_unusual_orders "
        "order by order_total desc, order_id limit 12",
    ),
    "Rows of the marts": (
        (2,),
        "select count(*) from dim_customers union all select count(*) from dim_products "
        "union all select count(*) from fct_orders union all select count(*) from fct_order_lines "
        "union all select count(*) from fct_product_purchases",
    ),
}


def spelled(value: Any) -> Cell:
    """A mart's value as a cell of the page."""
    if value is None:
        return "\N{EN DASH}"
    return value if isinstance(value, str) else Decimal(value)


@pytest.mark.parametrize("caption", TABLES)
def test_a_table_is_its_mart(caption: str, report: Report) -> None:
    columns, sql = TABLES[caption]
    expected = [[spelled(value) for value in row] for row in report.warehouse.query(sql)]
    if not expected:
        assert caption not in report.page.tables
        return
    assert [[row[at] for at in columns] for row in report.page.tables[caption]] == expected


def test_stock_and_retention_are_those_of_their_marts(report: Report) -> None:
    query, page = report.warehouse.query, report.page
    statuses = query(
        "select stock_status, count(*), sum(stock_value), coalesce(sum(over_allocated_units), 0) "
        "from rpt_inventory group by 1"
    )
    found = {row[0]: row[1:] for row in page.tables["Products by stock status"]}
    assert found == {status: [*map(spelled, rest)] for status, *rest in statuses}
    cohorts = query("select cohort_month from rpt_cohort_retention group by 1 order by 1 desc limit 24")
    table = page.tables["Share of a cohort that ordered again, by months since the first order"]
    assert len(table) == len(cohorts)
    (row,) = query(
        "select cohort_size, retention_rate from rpt_cohort_retention where months_since_first_order = 1 "
        f"and cohort_month = '{cohorts[-1][0]}'"
    )
    assert [table[0][1], table[0][3]] == [*map(spelled, row)]


def test_headline_figures_are_the_last_complete_months(report: Report) -> None:
    (row,) = report.warehouse.query(
        "select placed_month, revenue, months.count_orders, average_order_value, total_units, "
        "count_new_customers + count_returning_customers, count_new_customers "
        "from rpt_revenue_monthly as months join rpt_order_metrics_monthly using (placed_month) "
        "join rpt_new_returning_monthly using (placed_month) "
        "where is_complete order by placed_month desc limit 1"
    )
    labels = (
        *("Revenue", "Orders", "Average order value"),
        *("Units sold", "Customers who ordered", "New customers"),
    )
    page = report.page
    assert [page.figures[label] for label in labels] == [Decimal(value) for value in row[1:]]
    (changes,) = report.warehouse.query(
        "select month_over_month_change, year_over_year_change from rpt_revenue_monthly "
        f"where placed_month = '{row[0]}'"
    )
    shown = {value.quantize(Decimal("1e-6")) for value in page.shown.values() if value < 100_000}
    assert {value for value in changes if value is not None} <= shown


def test_totals_are_those_of_all_lines(report: Report) -> None:
    ((units, revenue),) = report.warehouse.query("select sum(quantity), sum(line_total) from fct_order_lines")
    page = report.page
    assert (page.figures["total units"], page.figures["total revenue"]) == (units, revenue)
    assert any("add up to every order line, to the last digit" in note for note in page.notes)


def test_the_text_is_the_value_to_the_cent(report: Report) -> None:
    amounts = [(text, value) for text, value in report.page.shown.items() if "." in text and "%" not in text]
    assert len(amounts) > 50
    for text, value in amounts:
        places = Decimal(1).scaleb(-len(text.split(".")[1]))
        shown = Decimal(text.replace(",", "").replace("\N{MINUS SIGN}", "-").lstrip("+"))
        assert shown == value.quantize(places, ROUND_HALF_EVEN)


def cents(text: Any) -> Decimal:
    return Decimal(text).quantize(Decimal("0.01"))


def test_figures_worked_out_elsewhere_are_on_the_page(report: Report) -> None:
    truth, page = report.truth, report.page
    if not truth:  # the sample's are worked out in tests/reports and compared with its marts
        assert report.warehouse.pos_schema == ""
        return
    names = ("customers", "products", "orders", "units")
    assert {name: page.figures[f"total {name}"] for name in names} == {name: truth[name] for name in names}
    assert cents(page.figures["total revenue"]) == cents(truth["total_revenue"])
    months = [cents(value) for value in page.column("Revenue by month", 1)[::-1]]
    by_month = truth["revenue_by_month"]
    assert months == [cents(by_month[month]) for month in sorted(by_month)]
    best = page.tables["Customers with the highest lifetime revenue"][:5]
    assert [(row[0], cents(row[5])) for row in best] == [
        (" ".join(name.strip() for name in each["name"]), cents(each["revenue"]))
        for each in truth["top5_customers_by_revenue"]
    ]
    assert [(row[0], row[1]) for row in page.tables["Most buyers"]] == [
        (each["name"], each["buyers"]) for each in truth["top5_products_by_distinct_buyers"]
    ]
    states = [
        [{"Unknown": "none"}.get(str(row[0]), row[0]), cents(row[1])]
        for row in page.tables["Revenue by state"]
    ]
    assert states[:5] == [[state, cents(amount)] for state, amount in truth["revenue_by_state_top5"]]
    rows = {str(row[0]): row[2] for row in page.tables["Rows of the marts"]}
    assert rows["fct_order_lines"] == truth["distinct_order_product"]
    assert rows["fct_product_purchases"] == truth["product_customer_pairs"]
    segments = {str(row[0]): row[1] for row in page.tables["Customer segments"]}
    assert segments["Never ordered"] == truth["customers_without_orders"]
