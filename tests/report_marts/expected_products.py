"""The reports of products and orders, recomputed in plain Python; each function yields the rows of a mart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import yaml

from tests.report_marts.expected_sales import Row, all_days
from tests.report_marts.shop import UNKNOWN, Line, Shop, rank, ratio, share
from tests.warehouse import PROJECT

VARS: dict[str, Any] = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]


def product_sales(shop: Shop) -> Iterator[Row]:
    lines: dict[int, list[Line]] = {product: [] for product in shop.products}
    for line in shop.lines:
        lines.setdefault(line.product, []).append(line)
    revenue = {product: sum((line.amount for line in found), Decimal(0)) for product, found in lines.items()}
    units = {product: sum(line.quantity for line in found) for product, found in lines.items()}
    everything = sum(revenue.values(), Decimal(0))
    revenues = sorted(revenue.values())
    known_units = sorted(units[product] for product in shop.products)
    until = Decimal(0)
    for product in sorted(lines, key=lambda product: (-revenue[product], product)):
        found, known = lines[product], product in shop.products
        abc_class = "C"
        if revenue[product] > 0 and everything > 0:
            bounds = [Decimal(str(VARS[f"abc_class_{name}_share"])) * everything for name in "ab"]
            abc_class = "A" if until < bounds[0] else "B" if until < bounds[1] else "C"
        until += revenue[product]
        yield {
            "product_id": product,
            "product_name": shop.products[product].name if known else None,
            "is_known_product": known,
            "count_orders": sum(line.known for line in found),
            "count_customers": len({line.customer for line in found} - {UNKNOWN}),
            "total_units": units[product],
            "returned_units": sum(line.returned for line in found),
            "revenue": revenue[product],
            "revenue_rank": rank(revenue[product], revenues, highest_first=True),
            "revenue_share": share(revenue[product], everything),
            "cumulative_revenue_share": share(until, everything),
            "abc_class": abc_class,
            "is_never_sold": all(line.quantity <= 0 for line in found),
            "least_sold_rank": rank(units[product], known_units) if known else None,
            "last_sold_at": max((line.placed for line in found if line.placed), default=None),
        }


def inventory(shop: Shop) -> Iterator[Row]:
    days = min(len(all_days(shop)), VARS["inventory_window_days"])
    start = shop.last_day - timedelta(VARS["inventory_window_days"] - 1) if shop.dated else datetime.max
    sold: dict[int, int] = defaultdict(int)
    allocated: dict[int, int] = defaultdict(int)
    for order in shop.dated.values():
        if order.placed and order.placed >= start:
            for line in order.lines:
                sold[line.product] += line.quantity
                allocated[line.product] += max(line.quantity, 0) if order.shipped is None else 0
    for key, product in shop.products.items():
        stock, price = product.stock, product.price
        there = None if stock is None else max(stock, 0)
        cover = None if there is None else ratio(there * days, max(sold[key], 0))
        over = None if there is None else max(allocated[key] - there, 0)
        yield {
            "product_id": key,
            "product_name": product.name,
            "available_quantity": stock,
            "stock_value": None if stock is None or price is None else stock * price,
            "window_units": sold[key],
            "daily_units": ratio(sold[key], days),
            "days_of_cover": cover,
            "allocated_units": allocated[key],
            "over_allocated_units": over,
            "stock_status": stock_status(there, over, cover, days),
        }


def stock_status(stock: int | None, over: int | None, cover: Decimal | None, days: int) -> str:
    if stock is None:
        return "unknown"
    if over:
        return "over-allocated"
    if not stock:
        return "out of stock"
    if not days:
        return "unknown"
    if cover is None:
        return "not moving"
    return "low" if cover < VARS["low_cover_days"] else "enough"


def product_pairs(shop: Shop) -> Iterator[Row]:
    baskets = [
        {line.product for line in order.lines if line.quantity > 0 and line.product in shop.products}
        for order in shop.orders.values()
    ]
    baskets = [basket for basket in baskets if basket]
    orders = Counter(product for basket in baskets for product in basket)
    top = set(sorted(orders, key=lambda product: (-orders[product], product))[: VARS["pairs_top_products"]])
    pairs = Counter(pair for basket in baskets for pair in combinations(sorted(basket & top), 2))
    for (first, second), together in pairs.items():
        if together >= VARS["pairs_minimum_orders"]:
            yield {
                "product_id": first,
                "paired_product_id": second,
                "product_name": shop.products[first].name,
                "paired_product_name": shop.products[second].name,
                "count_orders": together,
                "count_product_orders": orders[first],
                "count_paired_product_orders": orders[second],
                "support": ratio(together, len(baskets)),
                "confidence": ratio(together, orders[first]),
                "reverse_confidence": ratio(together, orders[second]),
                "lift": ratio(together * len(baskets), orders[first] * orders[second]),
            }


def unusual_orders(shop: Shop) -> Iterator[Row]:
    for key, order in shop.orders.items():
        largest = max((line.quantity for line in order.lines), default=0)
        total_is, quantity_is = (
            order.total > VARS["unusual_order_total"],
            largest > VARS["unusual_quantity"],
        )
        if total_is or quantity_is:
            yield {
                "order_id": key,
                "customer_id": order.customer,
                "placed_at": order.placed,
                "shipped_at": order.shipped,
                "order_total": order.total,
                "total_units": order.units,
                "largest_quantity": largest,
                "has_unusual_total": total_is,
                "has_unusual_quantity": quantity_is,
            }
