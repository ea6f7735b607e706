"""The marts and documents of a shop, computed from its tables without dbt and without the loader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from tests.loader.running import Documents
from tests.loader.shop.writer import Tables
from tests.warehouse import Warehouse

COLUMNS = {
    "dim_customers": "customer_id, first_name, last_name, zip, city, state, lifetime_revenue, count_orders, "
    "total_units, first_ordered_at, last_ordered_at",
    "dim_products": "product_id, product_name, current_price, available_quantity, total_revenue, "
    "count_orders, count_customers, total_units, first_sold_at, last_sold_at",
    "fct_orders": "customer_id, order_id, placed_at, shipped_at, order_total, is_shipped, count_lines, "
    "total_units",
    "fct_order_lines": "customer_id, order_id, line_number, product_id, quantity, unit_price, line_total, "
    "placed_at, count_source_rows",
    "fct_product_purchases": "product_id, customer_id, city, state, count_orders, quantity, amount, "
    "first_purchased_at, last_purchased_at",
}
Rows = list[tuple[Any, ...]]
Marts = Mapping[str, Rows]


class Line(NamedTuple):
    """A row of fct_order_lines."""

    customer: int
    order: int
    number: int
    product: int
    quantity: int
    price: Decimal
    total: Decimal
    placed: datetime
    source_rows: int


def marts_of(tables: Tables) -> Marts:
    """Compute the rows of every mart in `COLUMNS`, in order of their keys."""
    lines = [line for order in tables["orderline"] for line in _lines(tables, order)]
    of_order, of_product, of_pair = defaultdict(list), defaultdict(list), defaultdict(list)
    for line in lines:
        of_order[line.order].append(line)
        of_product[line.product].append(line)
        of_pair[line.product, line.customer].append(line)
    orders, of_customer = [], defaultdict(list)
    for key, placed, shipped, customer in tables["order"].values():
        mine = of_order[key]
        sums = _total(mine), int(shipped is not None), len(mine), _units(mine)
        orders.append((customer, key, placed, shipped, *sums))
        of_customer[customer].append(orders[-1])
    customers = {}
    for key, first, last, *_, zip_ in tables["customer"].values():
        placed_by = of_customer[key]
        revenue = sum((row[4] for row in placed_by), Decimal(0))
        counts = len(placed_by), sum(row[7] for row in placed_by)
        days = _first_and_last([row[2] for row in placed_by])
        place = tables["city"][zip_][1:]
        customers[key] = (key, first, last, zip_, *place, revenue, *counts, *days)
    products, purchases = [], []
    for key, name, price, left in tables["product"].values():
        sold = of_product[key]
        sizes = len(sold), len({line.customer for line in sold}), _units(sold)
        days = _first_and_last([line.placed for line in sold])
        products.append((key, name, price, left, _total(sold), *sizes, *days))
    for (product, customer), sold in of_pair.items():
        days = _first_and_last([line.placed for line in sold])
        place = customers[customer][4:6]
        purchases.append((product, customer, *place, len(sold), _units(sold), _total(sold), *days))
    found: list[Sequence[tuple[Any, ...]]] = [[*customers.values()], products, orders, lines, purchases]
    return {name: sorted(rows, key=lambda row: row[:3]) for name, rows in zip(COLUMNS, found, strict=True)}


def _lines(tables: Tables, order: int) -> list[Line]:
    """The lines of an order: one for each product, numbered by product."""
    _, placed, _, customer = tables["order"][order]
    sold = defaultdict(list)
    for _, product, quantity in tables["orderline"][order]:
        sold[product].append(quantity)
    found = []
    for number, (product, each) in enumerate(sorted(sold.items()), start=1):
        price, units = tables["product"][product][2], sum(each)
        found.append(Line(customer, order, number, product, units, price, units * price, placed, len(each)))
    return found


def _total(lines: Sequence[Line]) -> Decimal:
    return sum((line.total for line in lines), Decimal(0))


def _units(lines: Sequence[Line]) -> int:
    return sum(line.quantity for line in lines)


def _first_and_last(days: Sequence[datetime]) -> tuple[datetime | None, datetime | None]:
    return min(days, default=None), max(days, default=None)


def built(warehouse: Warehouse) -> Marts:
    """Read the marts as they were built."""
    return {
        name: sorted(warehouse.query(f"select {names} from {name}"), key=lambda row: row[:3])
        for name, names in COLUMNS.items()
    }


def documents_of(marts: Marts) -> list[dict[str, Any]]:
    """Make the documents of both nested collections of the marts' rows, with the columns in `COLUMNS`."""
    lines: dict[int, Any] = defaultdict(list)
    orders: dict[int, Any] = defaultdict(list)
    buyers: dict[int, Any] = defaultdict(list)
    for row in marts["fct_order_lines"]:
        lines[row[1]].append(dict(zip(_names("fct_order_lines"), row, strict=True)))
    for row in sorted(marts["fct_orders"], key=lambda row: (row[2], row[1])):
        order = dict(zip(_names("fct_orders"), row, strict=True))
        orders[row[0]].append({**order, "lines": lines[row[1]]})
    for row in marts["fct_product_purchases"]:
        buyers[row[0]].append(dict(zip(_names("fct_product_purchases"), row, strict=True)))
    customers = (dict(zip(_names("dim_customers"), row, strict=True)) for row in marts["dim_customers"])
    products = (dict(zip(_names("dim_products"), row, strict=True)) for row in marts["dim_products"])
    return [
        *({**customer, "orders": orders[customer["customerId"]]} for customer in customers),
        *({**product, "customers": buyers[product["productId"]]} for product in products),
    ]


def _names(mart: str) -> list[str]:
    heads = (name.split("_") for name in COLUMNS[mart].split(", "))
    return [head + "".join(map(str.capitalize, tail)) for head, *tail in heads]


def differences(database: Documents, expected: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name every document that is missing, is too many, or lacks a value that is expected."""
    found = {
        (name, each["_id"]): each
        for name in ("customer_order_history", "product_purchase_details")
        for each in database[name].find()
    }
    faults = []
    for each in expected:
        key = "customer_order_history" if "orders" in each else "product_purchase_details"
        identity = each.get("customerId", each.get("productId"))
        document = found.pop((key, identity), None)
        if not _holds(document, each):
            faults.append(f"{key} {identity}: expected {each}, found {document}")
    return faults + [f"too many: {key}" for key in found]


def _holds(found: Any, expected: Any) -> bool:
    """Whether a value is the expected one; documents may have more fields, and lack the keys of parents."""
    if isinstance(expected, Mapping):
        return isinstance(found, Mapping) and all(
            _holds(found[name], value) if name in found else value is None or name in ELSEWHERE
            for name, value in expected.items()
        )
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return False
        return all(_holds(one, other) for one, other in zip(found, expected, strict=True))
    if isinstance(expected, Decimal):
        return bool(found.to_decimal() == expected)
    return bool(found == expected)


ELSEWHERE = ("customerId", "orderId", "productId", "placedAt", "countSourceRows")
"""Values that are the document's _id or its parent's, or that the declaration leaves out."""
