"""The columns that the peers nest, and their names and values in a document."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128

CUSTOMER = (
    "customer_id", "first_name", "last_name", "email", "address1", "address2", "phone", "birthdate", "zip",
    "city", "state", "count_orders", "total_units", "lifetime_revenue", "first_ordered_at", "last_ordered_at",
)  # fmt: skip
ORDER = ("order_id", "placed_at", "shipped_at", "is_shipped", "count_lines", "total_units", "order_total")
LINE = (
    "line_number", "product_id", "product_name", "quantity", "unit_price", "line_total", "is_known_product",
)  # fmt: skip


def camel(name: str) -> str:
    """Spell `customer_id` as `customerId`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def converted(value: Any) -> Any:
    """Return a decimal as Decimal128, a date as its midnight, and any other value unchanged."""
    if isinstance(value, Decimal):
        return Decimal128(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value
