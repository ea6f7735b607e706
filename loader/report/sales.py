"""Sales over time: months, days, and new against returning customers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from markupsafe import Markup

from loader.report import figures, over_time
from loader.report.blocks import Block, Chart, Note, Section, Table
from loader.report.figures import Figures
from loader.report.words import (
    change,
    count,
    day,
    money,
    money_text,
    month,
    percent,
    plural,
    ratio,
    relative_change,
)

MONTHS = 120
"""Months drawn and listed; one wrong date may make a mart of many thousands."""
AVERAGE = "mean of 3 months"
KINDS = {"new customers": "second", "returning customers": "first", "unknown customers": "third"}
REVENUE = (
    "Revenue is the sum of the line totals less returns, by the day (UTC) on which the order was placed."
)


def trend(found: Figures) -> Section:
    """Revenue by month and by day, with moving averages."""
    return Section("trend", "Revenue over time", REVENUE, tuple(_trend(found)))


def _trend(found: Figures) -> Iterator[Block]:
    if not found.months:
        yield Note("There are no dated orders yet.")
        return
    yield _months(found)
    yield _days(found.days)


def trailing_means(months: Sequence[figures.Month]) -> list[Decimal | None]:
    """The mean revenue of each month and the two before it, where all three are complete."""
    means: list[Decimal | None] = []
    for at in range(len(months)):
        three = months[max(0, at - 2) : at + 1]
        whole = len(three) == 3 and all(each.is_complete for each in three)
        means.append(sum((each.revenue for each in three), Decimal(0)) / 3 if whole else None)
    return means


def _months(found: Figures) -> Chart:
    months, means = found.months[-MONTHS:], trailing_means(found.months)[-MONTHS:]
    rows = [
        {
            "month": f"{each.placed_month}-01",
            "revenue": float(each.revenue),
            "average": None if mean is None else float(mean),
            "kind": "complete month" if each.is_complete else "incomplete month",
            "tip": f"{month(each.placed_month)}: {money_text(each.revenue)}"
            + ("" if each.is_complete else " (incomplete)"),
        }
        for each, mean in zip(months, means, strict=True)
    ]
    return Chart(
        key="revenue-by-month",
        title="Revenue by month",
        finding=_months_finding(found.months),
        source=(figures.Month.MART,),
        definition=f"One row per calendar month, the last {len(months)} of {len(found.months)}; the line is "
        f"the {AVERAGE}, complete months only.",
        spec=lambda colour, width: over_time.month_bars(rows, colour, width, average=AVERAGE),
        narrow=lambda colour, width: over_time.month_bars(rows[-36:], colour, width, average=AVERAGE),
        data=Table(
            "Revenue by month",
            ("Month", "Revenue", "Mean of 3 months", "Orders", "Units", "Returned units", "Returned"),
            [
                (
                    month(each.placed_month) + ("" if each.is_complete else " (incomplete)"),
                    money(each.revenue),
                    money(mean),
                    count(each.count_orders),
                    count(each.total_units),
                    count(each.returned_units),
                    money(each.returned_amount),
                )
                for each, mean in zip(months[::-1], means[::-1], strict=True)
            ],
        ),
    )


def _months_finding(months: Sequence[figures.Month]) -> Markup:
    whole = [each for each in months if each.is_complete]
    if not whole:
        return Markup("No month is complete yet.")
    best, worst = max(whole, key=lambda each: each.revenue), min(whole, key=lambda each: each.revenue)
    text = Markup("The best month was {} with {}, the weakest {} with {}.").format(
        month(best.placed_month), money(best.revenue), month(worst.placed_month), money(worst.revenue)
    )
    latest, earlier = whole[-12:], whole[-24:-12]
    if len(earlier) < 12:
        return text
    over_year = relative_change(sum(each.revenue for each in latest), sum(each.revenue for each in earlier))
    if over_year is None:
        return text
    return text + Markup(" The last 12 complete months brought {} against the 12 before.").format(
        change(over_year)
    )


def _days(days: Sequence[figures.Day]) -> Chart:
    rows = [
        {
            "day": each.placed_on.isoformat(),
            "revenue": float(each.revenue),
            "week": None if each.revenue_7_day_average is None else float(each.revenue_7_day_average),
            "weeks": None if each.revenue_28_day_average is None else float(each.revenue_28_day_average),
            "kind": "day",
            "tip": f"{day(each.placed_on)}: {money_text(each.revenue)}",
        }
        for each in days
    ]
    last = days[-1]
    finding = Markup("On {}, the last day, the mean of the 28 days up to it was {} a day.").format(
        day(last.placed_on), money(last.revenue_28_day_average)
    )
    if last.revenue_28_day_average is None:
        finding = Markup("There are {} of data so far.").format(plural(len(days), "day"))
    return Chart(
        key="revenue-by-day",
        title="The last days",
        finding=finding,
        source=(figures.Day.MART,),
        definition=f"One row per calendar day, days without sales included; the last {len(days)} of them.",
        spec=lambda colour, width: over_time.daily_lines(rows, colour, width),
        narrow=lambda colour, width: over_time.daily_lines(rows[-84:], colour, width),
        data=Table(
            "Revenue by day",
            ("Day", "Revenue", "Mean of 7 days", "Mean of 28 days", "Orders"),
            [
                (
                    day(each.placed_on),
                    money(each.revenue),
                    money(each.revenue_7_day_average),
                    money(each.revenue_28_day_average),
                    count(each.count_orders),
                )
                for each in days[::-1]
            ],
        ),
    )


def new_and_returning(found: Figures) -> Section:
    """Revenue of new and of returning customers by month."""
    lead = "A customer is new in the month of the first dated order, and returning in every later one."
    months = found.customer_months
    blocks: tuple[Block, ...] = (Note("There are no dated orders yet."),)
    if months:
        blocks = (_by_newness(months[-MONTHS:]),)
    return Section("customers-by-month", "New and returning customers", lead, blocks)


def _by_newness(months: Sequence[figures.CustomerMonth]) -> Chart:
    rows = [
        {
            "month": f"{each.placed_month}-01",
            "kind": kind,
            "order": order,
            "revenue": float(revenue),
            "tip": f"{month(each.placed_month)}, {kind}: {money_text(revenue)}",
        }
        for each in months
        for order, (kind, revenue) in enumerate(
            zip(KINDS, (each.new_revenue, each.returning_revenue, each.unknown_revenue), strict=True)
        )
    ]
    used = {
        kind: paint for kind, paint in KINDS.items() if any(r["kind"] == kind and r["revenue"] for r in rows)
    }
    rows = [row for row in rows if row["kind"] in used]
    returning = sum((each.returning_revenue for each in months), Decimal(0))
    everything = returning + sum((each.new_revenue + each.unknown_revenue for each in months), Decimal(0))
    recent = {each.placed_month for each in months[-36:]}
    few = [row for row in rows if str(row["month"])[:7] in recent]
    return Chart(
        key="new-and-returning",
        title="Revenue of new and returning customers",
        finding=Markup("Returning customers brought {} of the revenue of these {}, {}.").format(
            percent(ratio(returning, everything)), plural(len(months), "month"), money(returning)
        ),
        source=(figures.CustomerMonth.MART,),
        definition="One row per month; orders that name no known customer are shown on their own.",
        spec=lambda colour, width: over_time.stacked_months(rows, colour, width, used),
        narrow=lambda colour, width: over_time.stacked_months(few, colour, width, used),
        data=Table(
            "New and returning customers by month",
            ("Month", "New", "Returning", "Revenue of new", "Revenue of returning", "Without customer"),
            [
                (
                    month(each.placed_month),
                    count(each.count_new_customers),
                    count(each.count_returning_customers),
                    money(each.new_revenue),
                    money(each.returning_revenue),
                    money(each.unknown_revenue),
                )
                for each in months[::-1]
            ],
        ),
    )
