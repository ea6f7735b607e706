"""Customers: segments, lifetime value, retention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from markupsafe import Markup

from pos_loader.report.charts import compared
from pos_loader.report.charts.names import customer_name
from pos_loader.report.parts.blocks import Block, Chart, Note, Section, Table
from pos_loader.report.parts.words import (
    NONE,
    SPACE,
    count,
    count_text,
    day,
    key,
    money,
    money_text,
    month,
    number,
    percent,
    percent_text,
    plural,
    plural_text,
    ratio,
    share_of,
    short_month,
    short_text,
)
from pos_loader.report.read import figures
from pos_loader.report.read.figures import Figures

SHARES = {"of customers": "third", "of revenue": "first"}
NARROW_COHORTS, NARROW_MONTHS = 12, 6
SEGMENTS = "rpt_customer_segments"
TENTHS = 10
"""Fewer customers than this are not divided into tenths."""


def value(found: Figures) -> Section:
    """Show the segments, and how revenue is spread over customers."""
    lead = (
        "Recency, frequency and monetary value: each ordering customer gets a score from 1 to 5 for how "
        "lately, how often and for how much they ordered; the scores make the segment. Customers whose "
        "orders have no date are Undated."
    )
    return Section("customer-value", "Customer segments and lifetime value", lead, tuple(_value(found)))


def _value(found: Figures) -> Iterator[Block]:
    if not found.segments:
        yield Note("No customer is known.")
        return
    if not any(segment.count_orders for segment in found.segments):
        customers = sum(segment.count_customers for segment in found.segments)
        yield Note(Markup("None of {} has ordered.").format(plural(customers, "customer")))
        return
    yield _segments(found.segments)
    buyers = sum(tenth.count_customers for tenth in found.tenths)
    if buyers >= TENTHS:
        yield _tenths(found.tenths)
    else:
        yield Note(
            Markup("{} ordered, too few to divide into tenths.").format(plural(buyers, "customer")),
        )
    if found.customers:
        yield _best(found.customers)


def _segments(segments: Sequence[figures.Segment]) -> Chart:
    customers = sum(segment.count_customers for segment in segments)
    revenue = sum((segment.lifetime_revenue for segment in segments), Decimal(0))
    rows = [
        {
            "name": segment.segment,
            "kind": kind,
            "share": float(share),
            "tip": f"{segment.segment}: {percent_text(share)} {kind}",
        }
        for segment in segments
        for kind, share in zip(
            SHARES,
            (ratio(segment.count_customers, customers), share_of(segment.lifetime_revenue, revenue)),
            strict=True,
        )
        if share is not None
    ]
    shown = {kind: paint for kind, paint in SHARES.items() if any(row["kind"] == kind for row in rows)}
    first = next(segment for segment in segments if segment.count_orders)
    finding = Markup("{}: {} of {} ({}), with a lifetime revenue of {}").format(
        first.segment,
        count(first.count_customers),
        plural(customers, "customer"),
        percent(ratio(first.count_customers, customers)),
        money(first.lifetime_revenue),
    )
    if revenue > 0:
        finding += Markup(", {} of that of all customers").format(
            percent(share_of(first.lifetime_revenue, revenue))
        )
    return Chart(
        key="segments",
        title="Segments",
        finding=finding + Markup("."),
        source=(SEGMENTS,),
        definition="One row per known customer, summed up; orders without a customer are not here. Days are "
        "counted to the day of the last dated order of all.",
        spec=lambda colour, width: compared.paired_bars(rows, colour, width, shown),
        is_half=True,
        data=Table(
            "Customer segments",
            (
                "Segment",
                "Customers",
                "Orders",
                "Lifetime revenue",
                "Mean lifetime value",
                "Mean days since last order",
            ),
            [
                (
                    segment.segment,
                    count(segment.count_customers),
                    count(segment.count_orders),
                    money(segment.lifetime_revenue),
                    money(ratio(segment.lifetime_revenue, segment.count_customers)),
                    number(segment.average_days_since, 0),
                )
                for segment in segments
            ],
        ),
    )


def _tenths(tenths: Sequence[figures.Tenth]) -> Chart:
    revenue = sum((tenth.lifetime_revenue for tenth in tenths), Decimal(0))
    buyers = sum(tenth.count_customers for tenth in tenths)
    by_share = revenue > 0
    rows = [
        {
            "name": str(tenth.tenth),
            "value": float(
                share_of(tenth.lifetime_revenue, revenue) or 0 if by_share else tenth.lifetime_revenue
            ),
            "text": percent_text(share_of(tenth.lifetime_revenue, revenue), 0).replace(SPACE, "")
            if by_share
            else short_text(tenth.lifetime_revenue),
            "tip": f"tenth {tenth.tenth}, {plural_text(tenth.count_customers, 'customer')}: "
            f"{money_text(tenth.lifetime_revenue)}",
        }
        for tenth in tenths
    ]
    best = tenths[0]
    finding = Markup("The best {} of {} who ordered brought {}").format(
        count(best.count_customers), plural(buyers, "customer"), money(best.lifetime_revenue)
    )
    if by_share:
        finding += Markup(", {} of the revenue of all of them").format(
            percent(share_of(best.lifetime_revenue, revenue))
        )
    return Chart(
        key="lifetime-value",
        title="Lifetime value",
        finding=finding + Markup("; the mean of all is {}.").format(money(ratio(revenue, buyers))),
        source=(SEGMENTS,),
        definition="Customers who ordered, by what they spent, in ten groups that differ by one customer at "
        "most; " + ("share" if by_share else "revenue") + " of each.",
        spec=lambda colour, width: compared.columns(
            rows, colour, width, title="tenth of customers, the best first", by_share=by_share
        ),
        is_half=True,
        data=Table(
            "Lifetime revenue by tenths of customers",
            ("Tenth", "Customers", "Revenue", "Share", "Mean", "Least"),
            [
                (
                    str(tenth.tenth),
                    count(tenth.count_customers),
                    money(tenth.lifetime_revenue),
                    percent(share_of(tenth.lifetime_revenue, revenue)),
                    money(ratio(tenth.lifetime_revenue, tenth.count_customers)),
                    money(tenth.least),
                )
                for tenth in tenths
            ],
        ),
    )


def _best(customers: Sequence[figures.Customer]) -> Table:
    return Table(
        "Customers with the highest lifetime revenue",
        ("Customer", "Key", "Place", "Segment", "Orders", "Last order", "Lifetime revenue"),
        [
            (
                customer_name(customer.customer_id, customer.first_name, customer.last_name),
                key(customer.customer_id),
                ", ".join(filter(None, (customer.city, customer.state))) or NONE,
                customer.segment,
                count(customer.count_orders),
                day(customer.last_ordered_at) if customer.last_ordered_at else "no date",
                money(customer.lifetime_revenue),
            )
            for customer in customers
        ],
        text_columns=(0, 2, 3),
        note="One row per customer, dated and undated orders, less returns.",
        source=(SEGMENTS,),
    )


def retention(found: Figures) -> Section:
    """Show which share of the customers of a month ordered again."""
    lead = (
        "Customers by the month of their first dated order, and the share of them who ordered in each month "
        "after it."
    )
    later = [cohort for cohort in found.cohorts if cohort.months_since_first_order]
    blocks: tuple[Block, ...] = (
        Note("No month follows one in which a customer ordered for the first time."),
    )
    if later:
        blocks = (_heat_map(found.cohorts, later),)
    return Section("retention", "Cohort retention", lead, blocks)


def _heat_map(cohorts: Sequence[figures.Cohort], later: Sequence[figures.Cohort]) -> Chart:
    cells = [
        {
            "row": short_month(cohort.cohort_month),
            "column": cohort.months_since_first_order,
            "share": float(cohort.retention_rate),
            "text": percent_text(cohort.retention_rate, 0).replace(SPACE, ""),
            "tip": f"{month(cohort.cohort_month)}, "
            f"{plural_text(cohort.months_since_first_order, 'month')} later: "
            f"{count_text(cohort.count_customers)} of {count_text(cohort.cohort_size)}",
        }
        for cohort in later
    ]
    top = max(0.01, sorted(float(cohort.retention_rate) for cohort in later)[int(0.98 * (len(later) - 1))])
    newest = sorted({cohort.cohort_month for cohort in later})[-NARROW_COHORTS - 1 :]
    few = [
        cell
        for cell, cohort in zip(cells, later, strict=True)
        if cohort.cohort_month in newest and cohort.months_since_first_order <= NARROW_MONTHS
    ]
    sizes = {cohort.cohort_month: cohort.cohort_size for cohort in cohorts}
    months = range(max(cohort.months_since_first_order for cohort in later) + 1)
    rates = {
        (cohort.cohort_month, cohort.months_since_first_order): cohort.retention_rate for cohort in cohorts
    }
    return Chart(
        key="cohort-retention",
        title="Customers who came back",
        finding=_came_back(later),
        source=(figures.Cohort.MART,),
        definition="One row per month of first order and month since, up to 12; the newest "
        f"{plural_text(len(sizes), 'first month')}. The newest month of the data may be incomplete.",
        spec=lambda colour, width: compared.heat_map(cells, colour, width, top=top),
        narrow=lambda colour, width: compared.heat_map(few, colour, width, top=top),
        data=Table(
            "Share of a cohort that ordered again, by months since the first order",
            ("First order", "Customers", *(f"+{since}" for since in months)),
            [
                (month(cohort), count(size), *(percent(rates.get((cohort, since)), 0) for since in months))
                for cohort, size in sizes.items()
            ],
        ),
    )


def _came_back(later: Sequence[figures.Cohort]) -> Markup:
    """Say which share ordered again after 1, 3, 6 and 12 months, over all cohorts that are old enough."""
    parts = []
    for months in (1, 3, 6, 12):
        reached = [cohort for cohort in later if cohort.months_since_first_order == months]
        if reached:
            came, all_of_them = (
                sum(cohort.count_customers for cohort in reached),
                sum(cohort.cohort_size for cohort in reached),
            )
            parts.append(
                Markup("{} of {} ({}) ordered again {} later").format(
                    count(came),
                    plural(all_of_them, "customer"),
                    percent(ratio(came, all_of_them)),
                    plural_text(months, "month"),
                )
            )
    return Markup(", ").join(parts) + Markup(".")
