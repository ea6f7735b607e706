"""Stock: products that are about to run out, or already have."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from pos_loader.report.charts import compared
from pos_loader.report.charts.names import product_name
from pos_loader.report.parts.blocks import Block, Chart, Note, Section, Table
from pos_loader.report.parts.words import count, count_text, key, money, number, plural, plural_text
from pos_loader.report.read import figures
from pos_loader.report.read.figures import Figures

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
    """Show the products at risk, and all products by stock status."""
    lead = (
        "Stock against the sales of the last 90 days of the data, or as many as the project's variable says. "
        "Days of cover say how long the stock lasts at that pace; allocated units are those of these "
        "days' orders that are not shipped, cancelled ones included."
    )
    return Section("inventory", "Inventory risks", lead, tuple(_inventory(found)))


def _inventory(found: Figures) -> Iterator[Block]:
    if not found.stock:
        yield Note("No product is known.")
        return
    yield _statuses(found)
    if not found.risks:
        unknown = sum(status.count_products for status in found.stock if status.stock_status == "unknown")
        text = Markup("No product is known to be over-allocated, out of stock or low.")
        yield Note(text, tone="plain" if unknown else "good")
        return
    yield Table(
        "Products at risk",
        (
            "Product",
            "Key",
            "Status",
            "Stock",
            "Days of cover",
            "Sold in window",
            "Allocated",
            "Over-allocated",
        ),
        [
            (
                product_name(product.product_id, product.product_name),
                key(product.product_id),
                product.stock_status,
                count(product.available_quantity),
                number(product.days_of_cover),
                count(product.window_units),
                count(product.allocated_units),
                count(product.over_allocated_units),
            )
            for product in found.risks
        ],
        text_columns=(0, 2),
        note="One row per product; of each risk the worst, at most six.",
        source=(figures.Stock.MART,),
    )


def _statuses(found: Figures) -> Chart:
    stock = found.stock
    products = sum(status.count_products for status in stock)
    at_risk = sum(status.count_products for status in stock if STOCK[status.stock_status] == "second")
    over = sum(status.over_allocated_units for status in stock)
    unknown = sum(status.count_products for status in stock if status.stock_status == "unknown")
    rows = [
        {
            "name": status.stock_status,
            "value": status.count_products,
            "text": count_text(status.count_products),
            "paint": STOCK[status.stock_status],
            "tip": f"{status.stock_status}: {plural_text(status.count_products, 'product')}",
        }
        for status in stock
    ]
    finding = Markup("{} of {} {} over-allocated, out of stock or low").format(
        count(at_risk), plural(products, "product"), "is" if at_risk == 1 else "are"
    )
    if over:
        finding += Markup("; {} promised beyond the stock").format(plural(over, "unit is", "units are"))
    if unknown:
        finding += Markup("; of {} the stock or the pace of sales is not known").format(count(unknown))
    return Chart(
        key="stock-status",
        title="Stock status",
        finding=finding + Markup("."),
        source=(figures.Stock.MART,),
        definition="One row per known product, counted by status; the first status that applies. Stock value "
        "counts the products whose stock and price are known.",
        spec=lambda colour, width: compared.ranked_bars(rows, colour, width),
        data=Table(
            "Products by stock status",
            ("Status", "Products", "Stock value", "Over-allocated units"),
            [
                (
                    status.stock_status,
                    count(status.count_products),
                    money(status.stock_value),
                    count(status.over_allocated_units),
                )
                for status in stock
            ],
        ),
    )
