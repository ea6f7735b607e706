"""Sales over time: months, days, and new against returning customers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from markupsafe import Markup, escape

from pos_loader.report.charts import over_time
from pos_loader.report.parts.blocks import Block, Chart, Note, Section, Table
from pos_loader.report.parts.words import (
    change,
    count,
    count_text,
    day,
    money,
    money_text,
    month,
    percent,
    plural,
    relative_change,
    share_of,
)
from pos_loader.report.read import figures
from pos_loader.report.read.figures import Figures

MONTHS = 120
"""How many months are drawn and listed; one wrong date can make a mart of many thousands."""
AVERAGE = "mean of 3 months"
KINDS = {"new customers": "second", "returning customers": "first", "unknown customers": "third"}
REVENUE = (
    "Revenue is the sum of the line totals less returns, by the day (UTC) on which the order was placed."
)


def trend(found: Figures) -> Section:
    """Show revenue by month and by day, with moving averages."""
    return Section("trend", "Revenue over time", REVENUE, tuple(_trend(found)))


def _trend(found: Figures) -> Iterator[Block]:
    if not found.months:
        yield Note(no_dates(found))
        return
    yield _months(found)
    yield _days(found.days)


def no_dates(found: Figures) -> Markup:
    """Say why there is nothing to show over time."""
    if not found.totals.orders:
        return Markup("There are no orders.")
    if found.totals.orders == 1:
        return Markup("The only order has no date.")
    return Markup("None of the {} has a date.").format(plural(found.totals.orders, "order"))


def trailing_means(months: Sequence[figures.Month]) -> list[Decimal | None]:
    """Return the mean revenue of each month and the two before it; none unless all three are complete."""
    means: list[Decimal | None] = []
    for index in range(len(months)):
        three = months[max(0, index - 2) : index + 1]
        whole = len(three) == 3 and all(row.is_complete for row in three)
        means.append(sum((row.revenue for row in three), Decimal(0)) / 3 if whole else None)
    return means


def _months(found: Figures) -> Chart:
    months, means = found.months[-MONTHS:], trailing_means(found.months)[-MONTHS:]
    rows = [
        {
            "month": f"{row.placed_month}-01",
            "revenue": float(row.revenue),
            "average": None if mean is None else float(mean),
            "kind": "complete month" if row.is_complete else "incomplete month",
            "tip": f"{month(row.placed_month)}: {money_text(row.revenue)}"
            + ("" if row.is_complete else " (incomplete)"),
        }
        for row, mean in zip(months, means, strict=True)
    ]
    kinds = {"complete month": "soft", "incomplete month": "pale"}
    shown = {kind: paint for kind, paint in kinds.items() if any(row["kind"] == kind for row in rows)}
    has_means = any(mean is not None for mean in means)
    line = f"the line is the {AVERAGE}, complete months only" if has_means else ""
    return Chart(
        key="revenue-by-month",
        title="Revenue by month",
        finding=_months_finding(found.months),
        source=(figures.Month.MART,),
        definition=f"One row per calendar month, {_last(len(months), len(found.months), 'month')}"
        + (f"; {line}." if line else "."),
        spec=lambda colour, width: over_time.month_bars(rows, colour, width, shown, average=AVERAGE),
        narrow=lambda colour, width: over_time.month_bars(rows[-36:], colour, width, shown, average=AVERAGE),
        data=Table(
            "Revenue by month",
            ("Month", "Revenue", "Mean of 3 months", "Orders", "Units", "Returned units", "Returned"),
            [
                (
                    month(row.placed_month) + ("" if row.is_complete else " (incomplete)"),
                    money(row.revenue),
                    money(mean),
                    count(row.count_orders),
                    count(row.total_units),
                    count(row.returned_units),
                    money(row.returned_amount),
                )
                for row, mean in zip(months[::-1], means[::-1], strict=True)
            ],
        ),
    )


def _last(shown: int, there: int, noun: str) -> str:
    return f"the last {shown} of {count_text(there)} {noun}s" if shown < there else f"all {noun}s"


def _months_finding(months: Sequence[figures.Month]) -> Markup:
    whole = [row for row in months if row.is_complete]
    if not whole:
        return Markup("No month is complete.")
    best, worst = max(row.revenue for row in whole), min(row.revenue for row in whole)
    if len(whole) == 1:
        text = Markup("The only complete month, {}, brought {}.").format(
            month(whole[0].placed_month), money(best)
        )
    elif best == worst:
        text = Markup("Each of {} brought {}.").format(plural(len(whole), "complete month"), money(best))
    else:
        text = Markup("Of {}, {} brought the most with {}, {} the least with {}.").format(
            plural(len(whole), "complete month"),
            _those(whole, best),
            money(best),
            _those(whole, worst),
            money(worst),
        )
    latest, earlier = whole[-12:], whole[-24:-12]
    if len(earlier) < 12:
        return text
    over_year = relative_change(sum(row.revenue for row in latest), sum(row.revenue for row in earlier))
    if over_year is None:
        return text
    return text + Markup(" The last 12 complete months brought {} against the 12 before.").format(
        change(over_year)
    )


def _those(months: Sequence[figures.Month], revenue: Decimal) -> Markup:
    """Name the month with this revenue, or count the months if there are several."""
    found = [row for row in months if row.revenue == revenue]
    return escape(month(found[0].placed_month)) if len(found) == 1 else plural(len(found), "month")


def _days(days: Sequence[figures.Day]) -> Chart:
    rows = [
        {
            "day": row.placed_on.isoformat(),
            "revenue": float(row.revenue),
            "week": None if row.revenue_7_day_average is None else float(row.revenue_7_day_average),
            "weeks": None if row.revenue_28_day_average is None else float(row.revenue_28_day_average),
            "kind": "day",
            "tip": f"{day(row.placed_on)}: {money_text(row.revenue)}",
        }
        for row in days
    ]
    last = days[-1]
    finding = Markup("On {}, the last day, the mean of the 28 days up to it was {} a day.").format(
        day(last.placed_on), money(last.revenue_28_day_average)
    )
    if last.revenue_28_day_average is None:
        finding = Markup("The dated orders span {}, too few for a mean of 28.").format(
            plural(len(days), "day")
        )
    names = {"day": "soft"}
    if last.revenue_7_day_average is not None:
        names["mean of 7 days"] = "second"
    if last.revenue_28_day_average is not None:
        names["mean of 28 days"] = "first"
    return Chart(
        key="revenue-by-day",
        title="The last days",
        finding=finding,
        source=(figures.Day.MART,),
        definition="One row per calendar day, days without sales included; "
        f"{'only one' if len(days) == 1 else f'the last {len(days)}'}.",
        spec=lambda colour, width: over_time.daily_lines(rows, colour, width, names),
        narrow=lambda colour, width: over_time.daily_lines(rows[-84:], colour, width, names),
        data=Table(
            "Revenue by day",
            ("Day", "Revenue", "Mean of 7 days", "Mean of 28 days", "Orders"),
            [
                (
                    day(row.placed_on),
                    money(row.revenue),
                    money(row.revenue_7_day_average),
                    money(row.revenue_28_day_average),
                    count(row.count_orders),
                )
                for row in days[::-1]
            ],
        ),
    )


def new_and_returning(found: Figures) -> Section:
    """Show the revenue of new and of returning customers by month."""
    lead = "A customer is new in the month of the first dated order, and returning in every later one."
    months = found.customer_months
    blocks: tuple[Block, ...] = (Note(no_dates(found)),)
    if months:
        blocks = (_by_newness(months[-MONTHS:]),)
    return Section("customers-by-month", "New and returning customers", lead, blocks)


def _by_newness(months: Sequence[figures.CustomerMonth]) -> Chart:
    rows = [
        {
            "month": f"{row.placed_month}-01",
            "kind": kind,
            "order": order,
            "revenue": float(revenue),
            "tip": f"{month(row.placed_month)}, {kind}: {money_text(revenue)}",
        }
        for row in months
        for order, (kind, revenue) in enumerate(
            zip(KINDS, (row.new_revenue, row.returning_revenue, row.unknown_revenue), strict=True)
        )
    ]
    used = {
        kind: paint for kind, paint in KINDS.items() if any(r["kind"] == kind and r["revenue"] for r in rows)
    } or KINDS
    rows = [row for row in rows if row["kind"] in used]
    returning = sum((row.returning_revenue for row in months), Decimal(0))
    everything = returning + sum((row.new_revenue + row.unknown_revenue for row in months), Decimal(0))
    share = share_of(returning, everything)
    finding = Markup("In {}, returning customers brought {}").format(
        "the only month" if len(months) == 1 else Markup("the last {}").format(plural(len(months), "month")),
        money(returning),
    )
    if share is not None:
        finding += Markup(", {} of the revenue").format(percent(share))
    finding += "."
    recent = {row.placed_month for row in months[-36:]}
    few = [row for row in rows if str(row["month"])[:7] in recent]
    return Chart(
        key="new-and-returning",
        title="Revenue of new and returning customers",
        finding=finding,
        source=(figures.CustomerMonth.MART,),
        definition="One row per month; orders that name no known customer are shown on their own.",
        spec=lambda colour, width: over_time.stacked_months(rows, colour, width, used),
        narrow=lambda colour, width: over_time.stacked_months(few, colour, width, used),
        data=Table(
            "New and returning customers by month",
            ("Month", "New", "Returning", "Revenue of new", "Revenue of returning", "Without customer"),
            [
                (
                    month(row.placed_month),
                    count(row.count_new_customers),
                    count(row.count_returning_customers),
                    money(row.new_revenue),
                    money(row.returning_revenue),
                    money(row.unknown_revenue),
                )
                for row in months[::-1]
            ],
        ),
    )
