"""What is about to run out, or already has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from loader.report import compared, figures
from loader.report.blocks import Block, Chart, Note, Section, Table
from loader.report.figures import Figures
from loader.report.words import count, count_text, money, number, plural, product_name

STOCK = {
    "over-allocated": "second",
    "out of stock": "second",
    "low": "second",
    "enough": "first",
    "not moving": "third",
    "unknown": "third",
}
"""Statuses and their colours; the first three are risks."""


def inventory(found: Figures) -> Section:
    """What is about to run out, or already has."""
    lead = (
        "Stock against the sales of the last 90 days of the data (a variable of the project). Days of cover "
        "say how long the stock lasts at that pace; allocated units are those of these days' open orders."
    )
    return Section("inventory", "Inventory risks", lead, tuple(_inventory(found)))


def _inventory(found: Figures) -> Iterator[Block]:
    if not found.stock:
        yield Note("There are no products yet.")
        return
    yield _statuses(found.stock)
    if not found.risks:
        yield Note("No product is over-allocated, out of stock or low.", tone="good")
        return
    yield Table(
        "Products at risk",
        ("Product", "Status", "Stock", "Days of cover", "Sold in window", "Allocated", "Over-allocated"),
        [
            (
                product_name(each.product_id, each.product_name),
                each.stock_status,
                count(each.available_quantity),
                number(each.days_of_cover),
                count(each.window_units),
                count(each.allocated_units),
                count(each.over_allocated_units),
            )
            for each in found.risks
        ],
        text_columns=(0, 1),
        note="One row per product; the worst six of each risk.",
        source=(figures.Stock.MART,),
    )


def _statuses(stock: Sequence[figures.StockStatus]) -> Chart:
    products = sum(each.count_products for each in stock)
    at_risk = sum(each.count_products for each in stock if STOCK[each.stock_status] == "second")
    over = sum(each.over_allocated_units for each in stock)
    rows = [
        {
            "name": each.stock_status,
            "value": each.count_products,
            "text": count_text(each.count_products),
            "paint": STOCK[each.stock_status],
            "tip": f"{each.stock_status}: {count_text(each.count_products)} products",
        }
        for each in stock
    ]
    return Chart(
        key="stock-status",
        title="Stock status",
        finding=Markup(
            "{} of {} are over-allocated, out of stock or low; {} are promised beyond the stock."
        ).format(count(at_risk), plural(products, "product"), plural(over, "unit")),
        source=(figures.Stock.MART,),
        definition="One row per known product, counted by status; the first status that applies.",
        spec=lambda colour, width: compared.ranked_bars(rows, colour, width),
        data=Table(
            "Products by stock status",
            ("Status", "Products", "Stock value", "Over-allocated units"),
            [
                (
                    each.stock_status,
                    count(each.count_products),
                    money(each.stock_value),
                    count(each.over_allocated_units),
                )
                for each in stock
            ],
        ),
    )
