"""Orders with an unusual total or an unusual quantity, for someone to look at."""

from __future__ import annotations

from markupsafe import Markup

from pos_loader.report.parts.blocks import Block, Note, Section, Table
from pos_loader.report.parts.words import count, day, money
from pos_loader.report.read import figures
from pos_loader.report.read.figures import Figures


def orders(found: Figures) -> Section:
    """List the unusual orders with the highest totals."""
    lead = (
        "Orders with a total above the variable unusual_order_total (20,000 unless set), or with more units "
        "of one product than unusual_quantity (10 unless set). Someone should look at them."
    )
    if not found.unusual:
        blocks: tuple[Block, ...] = (Note("There are no orders."),)
        if found.totals.orders:
            blocks = (Note("No order is unusual.", tone="good"),)
        return Section("unusual-orders", "Unusual orders", lead, blocks)
    table = Table(
        "Unusual orders with the highest totals",
        ("Order", "Customer", "Placed", "Why", "Total", "Units", "Largest quantity"),
        [
            (
                str(order.order_id),
                "unknown" if order.customer_id is None else str(order.customer_id),
                day(order.placed_at),
                ", ".join(
                    ["total"] * bool(order.has_unusual_total)
                    + ["quantity"] * bool(order.has_unusual_quantity)
                ),
                money(order.order_total),
                count(order.total_units),
                count(order.largest_quantity),
            )
            for order in found.unusual
        ],
        text_columns=(0, 1, 2, 3),
        note=_unusual_note(found),
        source=(figures.UnusualOrder.MART,),
    )
    return Section("unusual-orders", "Unusual orders", lead, (table,))


def _unusual_note(found: Figures) -> Markup:
    both = found.count_unusual_totals + found.count_unusual_quantities - found.count_unusual
    note = Markup("One row per order; the first {} of {}: {} for the total, {} for a quantity").format(
        count(len(found.unusual)),
        count(found.count_unusual),
        count(found.count_unusual_totals),
        count(found.count_unusual_quantities),
    )
    return note + (Markup(", {} of them for both.").format(count(both)) if both else Markup("."))
