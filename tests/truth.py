"""Computes every figure of a truth.json from the marts, in the same form, so that == compares all.

The truth describes the five CSV files. Its key `checked` says how it was made, and is no figure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
Query = Any
TABLES = {
    "product": "products",
    "city": "cities",
    "customer": "customers",
    "order": "orders",
    "orderline": "lines",
}
"""The tables of the source, and what their rows are called."""
PROFILE = ("source_column", "count_rows", "count_empty", "count_untrimmed", "count_not_ascii", "longest")
"""The columns of the profile of the source."""


def read_truth(folder: Path) -> Figures:
    """The figures of a data set; names as cleaning leaves them."""
    truth: Figures = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    del truth["checked"]
    for each in truth["top5_customers_by_revenue"]:
        each["name"] = [name.strip() for name in each["name"]]
    return truth


def money(value: Any) -> str:
    """An amount in the form of the truth, with fractions of a cent."""
    amount = Decimal(str(value))
    return f"{amount:.2f}" if amount == round(amount, 2) else f"{amount.normalize():f}"


def profile_figures(columns: Iterable[Mapping[Any, Any]]) -> Figures:
    """What the profile of the source says: {source_column, count_rows, count_empty, ...} per column."""
    found: Figures = {
        "empty": {},
        "max_length": {},
        "non_ascii_values": {},
        "leading_or_trailing_space_values": {},
    }
    rows: dict[str, int] = {}
    for name in TABLES:
        found["empty"][name], found["max_length"][name] = {}, {}
        found["non_ascii_values"][name] = found["leading_or_trailing_space_values"][name] = 0
    for each in columns:
        table, _, column = each["source_column"].partition(".")
        rows[table] = each["count_rows"]
        if each["count_empty"]:
            found["empty"][table][column] = each["count_empty"]
        found["max_length"][table][column] = each["longest"]
        found["non_ascii_values"][table] += each["count_not_ascii"]
        found["leading_or_trailing_space_values"][table] += each["count_untrimmed"]
    found["orders_without_customer"] = found["empty"]["order"].get("customer_id", 0)
    return found | {name: rows[table] for table, name in TABLES.items()}


COUNTS = {
    "products": "select count(*) from dim_products",
    "customers": "select count(*) from dim_customers",
    "orders": "select count(*) from fct_orders",
    "lines": "select sum(count_source_rows) from fct_order_lines",
    "distinct_order_product": "select count(*) from fct_order_lines",
    "units": "select sum(quantity) from fct_order_lines",
    "product_customer_pairs": "select count(*) from fct_product_purchases",
    "customers_without_orders": "select count(*) from dim_customers where count_orders = 0",
    "customers_without_lines": "select count(*) from dim_customers where customer_id not in "
    "(select customer_id from fct_order_lines)",
    "products_never_in_a_line": "select count(*) from dim_products where product_id not in "
    "(select product_id from fct_order_lines)",
    "products_without_buyer": "select count(*) from dim_products where count_customers = 0",
    "orders_without_lines": "select count(*) from fct_orders where count_lines = 0",
    "orders_of_nobody": "select count(*) from fct_orders where customer_id = -1",
    "orders_not_shipped": "select count(*) from fct_orders where not is_shipped",
    "orders_shipped_before_placed": "select count(*) from fct_orders "
    "where datediff(shipped_at, placed_at) < 0",
    "lines_unknown_order": "select count(*) from fct_order_lines where not is_known_order",
    "lines_unknown_product": "select count(*) from fct_order_lines where not is_known_product",
    "lines_product_without_price": "select count(*) from fct_order_lines "
    "where is_known_product and unit_price is null",
    "lines_repeating_order_product": "select sum(count_source_rows - 1) from fct_order_lines",
    "lines_negative_quantity": "select count(*) from fct_order_lines where quantity < 0",
    "lines_zero_quantity": "select count(*) from fct_order_lines where quantity = 0",
    "customers_zip_not_in_city": "select count(*) from dim_customers where zip is not null and city is null",
    "emails_shared_ignoring_case": "select coalesce(sum(1), 0) from "
    "(select email from dim_customers where email is not null group by email having count(*) > 1) as shared",
    "max_orders_of_a_customer": "select max(count_orders) from dim_customers",
    "max_lines_of_a_customer": "select max(found) from (select count(*) as found "
    "from fct_order_lines where customer_id <> -1 group by customer_id) as customers",
    "max_lines_of_an_order": "select max(count_lines) from fct_orders",
    "max_buyers_of_a_product": "select max(count_customers) from dim_products",
}
AMOUNTS = {
    "total_revenue": "select sum(line_total) from fct_order_lines",
    "total_revenue_price_2dp": "select sum(quantity * round(unit_price, 2)) from fct_order_lines",
    "revenue_with_known_customer": "select sum(lifetime_revenue) from dim_customers",
    "max_order_revenue": "select max(order_total) from fct_orders",
}
PRICES = {
    "zero": "current_price = 0",
    "negative": "current_price < 0",
    "over_9999.99": "current_price > 9999.99",
    "more_than_2_decimals": "current_price <> round(current_price, 2)",
}
KEYS = {
    "product": ("product_id", "dim_products"),
    "customer": ("customer_id", "dim_customers"),
    "order": ("order_id", "fct_orders"),
}
MONTHS = (
    "select coalesce(date_format(placed_at, '%Y-%m'), 'none'), sum(quantity * {price}) "
    "from fct_order_lines group by 1"
)
STATES = (
    "select coalesce(state, 'none'), sum(lifetime_revenue) from dim_customers "
    "group by 1 order by 2 desc limit 5"
)
BEST = (
    "select customers.customer_id, first_name, last_name, lifetime_revenue, "
    "sum(quantity * round(unit_price, 2)) "
    "from dim_customers as customers join fct_order_lines using (customer_id) "
    "group by 1 order by 4 desc, 1 limit 5"
)


def figures_of_marts(query: Query) -> Figures:
    """Compute the figures from the marts; `query` runs SQL and returns rows."""

    def one(sql: str) -> Any:
        ((value,),) = query(sql)
        return value

    profile = query(f"select {', '.join(PROFILE)} from rpt_source_profile")
    found = profile_figures(dict(zip(PROFILE, row, strict=True)) for row in profile) | {
        name: int(one(sql)) for name, sql in COUNTS.items()
    }
    found["orders_with_unknown_customer"] = found.pop("orders_of_nobody") - found["orders_without_customer"]
    found |= {name: money(one(sql)) for name, sql in AMOUNTS.items()}
    for name, price in (
        ("revenue_by_month", "unit_price"),
        ("revenue_by_month_price_2dp", "round(unit_price, 2)"),
    ):
        found[name] = {month: money(amount) for month, amount in query(MONTHS.format(price=price))}
    found["revenue_by_state_top5"] = [[state, money(amount)] for state, amount in query(STATES)]
    found["top5_customers_by_revenue"] = [
        {"id": key, "name": [first, last], "revenue": money(exact), "revenue_price_2dp": money(rounded)}
        for key, first, last, exact, rounded in query(BEST)
    ]
    found["top5_products_by_distinct_buyers"] = [
        {"id": key, "name": name, "buyers": buyers}
        for key, name, buyers in query(
            "select product_id, product_name, count_customers from dim_products order by 3 desc, 1 limit 5"
        )
    ]
    ((least, most),) = query("select min(current_price), max(current_price) from dim_products")
    found["price"] = {"min": money(least), "max": money(most)} | {
        name: one(f"select count(*) from dim_products where {rule}") for name, rule in PRICES.items()
    }
    found["id_zero"] = {
        name: one(f"select max({key} = 0) from {mart}") == 1 for name, (key, mart) in KEYS.items()
    }
    found["max_id"] = {name: one(f"select max({key}) from {mart}") for name, (key, mart) in KEYS.items()}
    ((first, last),) = query("select min(placed_at), max(placed_at) from fct_orders")
    found["date_placed"] = [f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"]
    return found
