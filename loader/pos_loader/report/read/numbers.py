"""The data in numbers: which figures of a mart the page shows beside the sums, and the SQL of each.

A subquery names its marts in braces, like the queries of `read`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """One figure: its words and its SQL aggregate; `is_money` says that it is an amount."""

    label: str
    sql: str
    is_money: bool = False


@dataclass(frozen=True)
class Range:
    """The least and the greatest value of an SQL expression: of keys, counts, days, amounts or prices."""

    label: str
    sql: str
    kind: str = "count"


COUNTS: Mapping[str, tuple[Number, ...]] = {
    "dim_customers": (
        Number("Customers without an order", "sum(count_orders = 0)"),
        Number(
            "Customers without an order line",
            "sum(not exists (select 1 from {fct_orders} as orders "
            "where orders.customer_id = mart.customer_id and orders.count_lines > 0))",
        ),
        Number("Customers whose postal code has no city", "sum(zip is not null and city is null)"),
        Number(
            "Email addresses of more than one customer",
            "(select count(*) from (select email from {dim_customers} where email is not null "
            "group by email having count(*) > 1) as shared)",
        ),
        Number("Revenue of known customers", "sum(lifetime_revenue)", is_money=True),
    ),
    "fct_orders": (
        Number(
            "Orders of no known customer",
            "count(*) - (select coalesce(sum(count_orders), 0) from {dim_customers})",
        ),
        Number("Orders without a line", "sum(count_lines = 0)"),
        Number("Orders not shipped", "sum(not is_shipped)"),
        Number(
            "Orders shipped before they were placed", "coalesce(sum(datediff(shipped_at, placed_at) < 0), 0)"
        ),
    ),
    "fct_order_lines": (
        Number("Order lines of an unknown order", "sum(not is_known_order)"),
        Number("Order lines of an unknown product", "sum(not is_known_product)"),
        Number("Order lines of a product without a price", "sum(is_known_product and unit_price is null)"),
        Number("Source rows that repeat an order and product", "sum(count_source_rows - 1)"),
        Number("Order lines with a negative quantity", "sum(quantity < 0)"),
        Number("Order lines with a quantity of zero", "sum(quantity = 0)"),
    ),
    "dim_products": (
        Number(
            "Products in no order line",
            "count(*) - (select count(distinct product_id) from {fct_order_lines} where is_known_product)",
        ),
        Number(
            "Products never sold, only returned if at all",
            "(select sum(is_never_sold and is_known_product) from {rpt_product_sales})",
        ),
        Number("Products in no order line of a known customer", "sum(count_customers = 0)"),
        Number("Prices of zero", "coalesce(sum(current_price = 0), 0)"),
        Number("Prices below zero", "coalesce(sum(current_price < 0), 0)"),
        Number("Prices above 9,999.99", "coalesce(sum(current_price > 9999.99), 0)"),
        Number(
            "Prices with a fraction of a cent", "coalesce(sum(current_price <> round(current_price, 2)), 0)"
        ),
    ),
}
RANGES: Mapping[str, tuple[Range, ...]] = {
    "dim_customers": (
        Range("Key of a customer", "customer_id", "key"),
        Range("Orders of a customer", "count_orders"),
        Range(
            "Order lines of a customer",
            "(select cast(coalesce(sum(count_lines), 0) as signed) from {fct_orders} as orders "
            "where orders.customer_id = mart.customer_id)",
        ),
    ),
    "fct_orders": (
        Range("Key of an order", "order_id", "key"),
        Range("Day of an order", "placed_at", "day"),
        Range("Lines of an order", "count_lines"),
        Range("Total of an order", "order_total", "money"),
    ),
    "dim_products": (
        Range("Key of a product", "product_id", "key"),
        Range("Customers of a product", "count_customers"),
        Range("Price of a product", "current_price", "price"),
    ),
}
