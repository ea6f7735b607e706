"""The headline figures: the last complete month, the month before, and the same month a year before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from pos_loader.report.parts.words import number, percent, relative_change
from pos_loader.report.read.figures import CustomerMonth, Figures, Month, OrderMonth

SPARK_MONTHS = 24


@dataclass(frozen=True)
class Headline:
    """One figure of the month with its changes; `spark` has the complete months up to it, in order."""

    label: str
    mart: str
    is_money: bool
    value: Decimal | int | None
    over_month: Decimal | None
    over_year: Decimal | None
    spark: tuple[Decimal | int | None, ...]


@dataclass(frozen=True)
class Period:
    """The last complete month, with its headline figures."""

    month: Month
    orders: OrderMonth
    headlines: tuple[Headline, ...]


Joined = tuple[Month, OrderMonth, CustomerMonth]

_FIGURES: tuple[tuple[str, str, bool, Callable[[Joined], Decimal | int | None]], ...] = (
    ("Revenue", Month.MART, True, lambda row: row[0].revenue),
    ("Orders", Month.MART, False, lambda row: row[0].count_orders),
    ("Average order value", OrderMonth.MART, True, lambda row: row[1].average_order_value),
    ("Units less returns", Month.MART, False, lambda row: row[0].total_units),
    (
        "Customers who ordered",
        CustomerMonth.MART,
        False,
        lambda row: row[2].count_new_customers + row[2].count_returning_customers,
    ),
    ("New customers", CustomerMonth.MART, False, lambda row: row[2].count_new_customers),
)


def last_complete(figures: Figures) -> Period | None:
    """Compare the last complete month with earlier ones; none if no month is complete.

    The three marts have one row for every calendar month between the first order and the last.
    """
    months = list(zip(figures.months, figures.order_months, figures.customer_months, strict=True))
    last = next((index for index in reversed(range(len(months))) if months[index][0].is_complete), None)
    if last is None:
        return None
    headlines = tuple(
        Headline(
            label,
            mart,
            is_money,
            value=figure(months[last]),
            over_month=_change(months, last, 1, figure),
            over_year=_change(months, last, 12, figure),
            spark=tuple(
                figure(row)
                for row in months[max(0, last + 1 - SPARK_MONTHS) : last + 1]
                if row[0].is_complete
            ),
        )
        for label, mart, is_money, figure in _FIGURES
    )
    return Period(months[last][0], months[last][1], headlines)


def aside(period: Period) -> Markup:
    """Say what else is known of the month's orders; empty without orders."""
    orders = period.orders
    if not period.month.count_orders:
        return Markup("")
    parts = [
        Markup("The orders of that month have {} units each on average").format(
            number(orders.units_per_order)
        )
    ]
    if orders.average_days_to_ship is not None:
        parts.append(Markup("those shipped took {} days").format(number(orders.average_days_to_ship)))
    parts.append(Markup("{} are open or cancelled").format(percent(orders.unshipped_share)))
    return Markup(", ").join(parts[:-1]) + Markup(", and ") + parts[-1] + Markup(".")


def _change(
    months: list[Joined], last: int, back: int, figure: Callable[[Joined], Decimal | int | None]
) -> Decimal | None:
    before = months[last - back] if last >= back else None
    if before is None or not before[0].is_complete:
        return None
    return relative_change(figure(months[last]), figure(before))
