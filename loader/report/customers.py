"""What customers are like: segments, lifetime value, retention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from markupsafe import Markup

from loader.report import compared, figures
from loader.report.blocks import Block, Chart, Note, Section, Table
from loader.report.figures import Figures
from loader.report.words import (
    NONE,
    SPACE,
    count,
    count_text,
    day,
    money,
    money_text,
    month,
    number,
    percent,
    percent_text,
    plural,
    ratio,
    short_month,
)

SHARES = {"of customers": "third", "of revenue": "first"}
NARROW_COHORTS, NARROW_MONTHS = 12, 6
SEGMENTS = "rpt_customer_segments"


def value(found: Figures) -> Section:
    """Segments, and how revenue is spread over customers."""
    lead = (
        "Recency, frequency and monetary value: each ordering customer gets a score from 1 to 5 for how "
        "lately, how often and for how much they ordered; the scores make the segment."
    )
    return Section("customer-value", "Customer segments and lifetime value", lead, tuple(_value(found)))


def _value(found: Figures) -> Iterator[Block]:
    if not found.segments:
        yield Note("There are no customers yet.")
        return
    yield _segments(found.segments)
    if found.tenths:
        yield _tenths(found.tenths)
    buyers = [each for each in found.customers if each.count_orders]
    if buyers:
        yield _best(buyers)


def _segments(segments: Sequence[figures.Segment]) -> Chart:
    customers = sum(each.count_customers for each in segments)
    revenue = sum((each.lifetime_revenue for each in segments), Decimal(0))
    rows = [
        {
            "name": each.segment,
            "kind": kind,
            "share": float(share or 0),
            "tip": f"{each.segment}: {percent_text(share)} {kind}",
        }
        for each in segments
        for kind, share in zip(
            SHARES,
            (ratio(each.count_customers, customers), ratio(each.lifetime_revenue, revenue)),
            strict=True,
        )
    ]
    first = segments[0]
    return Chart(
        key="segments",
        title="Segments",
        finding=Markup("{} are {} of the customers and bring {} of what customers spent.").format(
            first.segment,
            percent(ratio(first.count_customers, customers)),
            percent(ratio(first.lifetime_revenue, revenue)),
        ),
        source=(SEGMENTS,),
        definition="One row per known customer, summed up; orders without a customer are not here.",
        spec=lambda colour, width: compared.paired_bars(rows, colour, width, SHARES),
        is_half=True,
        data=Table(
            "Customer segments",
            (
                "Segment",
                "Customers",
                "Orders",
                "Lifetime revenue",
                "Mean lifetime value",
                "Mean days since order",
            ),
            [
                (
                    each.segment,
                    count(each.count_customers),
                    count(each.count_orders),
                    money(each.lifetime_revenue),
                    money(ratio(each.lifetime_revenue, each.count_customers)),
                    number(each.average_days_since, 0),
                )
                for each in segments
            ],
        ),
    )


def _tenths(tenths: Sequence[figures.Tenth]) -> Chart:
    revenue = sum((each.lifetime_revenue for each in tenths), Decimal(0))
    buyers = sum(each.count_customers for each in tenths)
    rows = [
        {
            "name": str(each.tenth),
            "value": float(ratio(each.lifetime_revenue, revenue) or 0),
            "text": percent_text(ratio(each.lifetime_revenue, revenue), 0).replace(SPACE, ""),
            "tip": f"tenth {each.tenth}, {count_text(each.count_customers)} customers: "
            f"{money_text(each.lifetime_revenue)}",
        }
        for each in tenths
    ]
    return Chart(
        key="lifetime-value",
        title="Lifetime value",
        finding=Markup(
            "The best tenth of {} who ordered brought {} of their revenue; the mean is {}."
        ).format(
            plural(buyers, "customer"),
            percent(ratio(tenths[0].lifetime_revenue, revenue)),
            money(ratio(revenue, buyers)),
        ),
        source=(SEGMENTS,),
        definition="Customers who ordered, in ten equal groups by what they spent; share of each.",
        spec=lambda colour, width: compared.columns(
            rows, colour, width, title="tenth of customers, the best first"
        ),
        is_half=True,
        data=Table(
            "Lifetime revenue by tenths of customers",
            ("Tenth", "Customers", "Revenue", "Share", "Mean", "Least"),
            [
                (
                    str(each.tenth),
                    count(each.count_customers),
                    money(each.lifetime_revenue),
                    percent(ratio(each.lifetime_revenue, revenue)),
                    money(ratio(each.lifetime_revenue, each.count_customers)),
                    money(each.least),
                )
                for each in tenths
            ],
        ),
    )


def _best(customers: Sequence[figures.Customer]) -> Table:
    return Table(
        "Customers with the highest lifetime revenue",
        ("Customer", "Place", "Segment", "Orders", "Last order", "Lifetime revenue"),
        [
            (
                " ".join(filter(None, (each.first_name, each.last_name))) or f"customer {each.customer_id}",
                ", ".join(filter(None, (each.city, each.state))) or NONE,
                each.segment,
                count(each.count_orders),
                day(each.last_ordered_at),
                money(each.lifetime_revenue),
            )
            for each in customers
        ],
        text_columns=(0, 1, 2),
        note="One row per customer, dated and undated orders, less returns.",
        source=(SEGMENTS,),
    )


def retention(found: Figures) -> Section:
    """Which share of the customers of a month came back."""
    lead = (
        "Customers by the month of their first order, and the share of them who ordered so many months later."
    )
    later = [each for each in found.cohorts if each.months_since_first_order]
    blocks: tuple[Block, ...] = (Note("There are no customers with a later month to look at yet."),)
    if later:
        blocks = (_heat_map(found.cohorts, later),)
    return Section("retention", "Cohort retention", lead, blocks)


def _heat_map(cohorts: Sequence[figures.Cohort], later: Sequence[figures.Cohort]) -> Chart:
    cells = [
        {
            "row": short_month(each.cohort_month),
            "column": each.months_since_first_order,
            "share": float(each.retention_rate),
            "text": percent_text(each.retention_rate, 0).replace(SPACE, ""),
            "tip": f"{month(each.cohort_month)}, {each.months_since_first_order} months later: "
            f"{count_text(each.count_customers)} of {count_text(each.cohort_size)}",
        }
        for each in later
    ]
    top = max(0.01, sorted(float(each.retention_rate) for each in later)[int(0.98 * (len(later) - 1))])
    newest = sorted({each.cohort_month for each in later})[-NARROW_COHORTS - 1 :]
    few = [
        cell
        for cell, each in zip(cells, later, strict=True)
        if each.cohort_month in newest and each.months_since_first_order <= NARROW_MONTHS
    ]
    sizes = {each.cohort_month: each.cohort_size for each in cohorts}
    months = range(max(each.months_since_first_order for each in later) + 1)
    rates = {(each.cohort_month, each.months_since_first_order): each.retention_rate for each in cohorts}
    return Chart(
        key="cohort-retention",
        title="Customers who came back",
        finding=_came_back(later),
        source=(figures.Cohort.MART,),
        definition=f"One row per month of first order and month since; the newest {len(sizes)} first months. "
        "The newest month of the data may be incomplete.",
        spec=lambda colour, width: compared.heat_map(cells, colour, width, top=top),
        narrow=lambda colour, width: compared.heat_map(few, colour, width, top=top),
        data=Table(
            "Share of a cohort that ordered again, by months since the first order",
            ("First order", "Customers", *(f"+{each}" for each in months)),
            [
                (month(cohort), count(size), *(percent(rates.get((cohort, each)), 0) for each in months))
                for cohort, size in sizes.items()
            ],
        ),
    )


def _came_back(later: Sequence[figures.Cohort]) -> Markup:
    """The mean over all cohorts shown, weighted by their size."""
    parts = []
    for months in (1, 3, 6, 12):
        at = [each for each in later if each.months_since_first_order == months]
        if at:
            share = ratio(sum(each.count_customers for each in at), sum(each.cohort_size for each in at))
            parts.append(Markup("{} after {}").format(percent(share), f"{months} month{'s' * (months > 1)}"))
    return Markup("Of all these customers ordered again: ") + Markup(", ").join(parts) + Markup(".")
