"""Sales without a date, and returns; dated and undated revenue must add up to all revenue."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from markupsafe import Markup

from pos_loader.report.parts.blocks import Note, Section, Table
from pos_loader.report.parts.words import count, money, plural
from pos_loader.report.read import figures
from pos_loader.report.read.figures import Figures


def sales_and_returns(found: Figures) -> Section:
    """Show the sales with a date beside those without, and what came back."""
    units = sum(part.returned_units for part in _parts(found))
    came_back = Markup("Nothing came back.")
    if units:
        returned = _total(part.returned_amount for part in _parts(found))
        came_back = Markup("{} worth {} came back.").format(plural(units, "unit"), money(returned))
    lead = Markup(
        "A return is an order line with a negative quantity: it lowers revenue and units wherever it counts. "
        "{} An order of no known customer counts as a sale, but for no customer; one without lines counts as "
        "an order of 0."
    ).format(came_back)
    return Section("treatment", "Undated sales and returns", lead, (_table(found), _sums(found)))


def _table(found: Figures) -> Table:
    with_a_date = (
        "with a date",
        money(_total(month.revenue for month in found.months)),
        count(sum(month.count_orders for month in found.months)),
        count(found.totals.lines - sum(undated.count_lines for undated in found.undated)),
        count(sum(month.total_units for month in found.months)),
        money(_total(month.returned_amount for month in found.months)),
    )
    without = [
        (
            undated.reason,
            money(undated.revenue),
            count(undated.count_orders),
            count(undated.count_lines),
            count(undated.total_units),
            money(undated.returned_amount),
        )
        for undated in found.undated
    ]
    return Table(
        "All sales, dated or not",
        ("Sales", "Revenue", "Orders", "Lines", "Units", "Returned"),
        [with_a_date, *without],
        note="Without a date, sales are in the totals by place, product and customer, but in no month.",
        source=(figures.Month.MART, figures.Undated.MART),
    )


def _sums(found: Figures) -> Note:
    """Say whether dated and undated revenue are all revenue."""
    whole = found.totals.revenue
    both = _total(part.revenue for part in _parts(found))
    if both == whole:
        text = Markup("Dated and undated revenue add up to every order line, to the last digit: {}.")
        return Note(text.format(money(whole)), tone="good")
    text = Markup("Dated and undated revenue add up to {}, but all order lines to {}: run dbt build again.")
    return Note(text.format(money(both), money(whole)), tone="bad")


def _parts(found: Figures) -> tuple[figures.Month | figures.Undated, ...]:
    return (*found.months, *found.undated)


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
