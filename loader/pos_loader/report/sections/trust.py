"""What a reader needs to trust the page: unusual orders, what has no date, tests."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from markupsafe import Markup

from pos_loader.report.charts.names import shortened
from pos_loader.report.parts.blocks import Block, Note, Section, Table
from pos_loader.report.parts.words import count, day, money, plural
from pos_loader.report.read import figures
from pos_loader.report.read.figures import Figures
from pos_loader.report.read.health import DbtRun, Health, moment


def unusual(found: Figures) -> Section:
    """Orders above a bound."""
    lead = (
        "Orders with a total above the variable unusual_order_total (20,000 unless set), or with more units "
        "of one product than unusual_quantity (10 unless set): for someone to look at."
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
                str(each.order_id),
                "unknown" if each.customer_id is None else str(each.customer_id),
                day(each.placed_at),
                ", ".join(
                    ["total"] * bool(each.has_unusual_total) + ["quantity"] * bool(each.has_unusual_quantity)
                ),
                money(each.order_total),
                count(each.total_units),
                count(each.largest_quantity),
            )
            for each in found.unusual
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


def treatment(found: Figures) -> Section:
    """What has no date or no customer, and what came back."""
    parts: tuple[figures.Month | figures.Undated, ...] = (*found.months, *found.undated)
    returned = sum((each.returned_amount for each in parts), Decimal(0))
    units = sum(each.returned_units for each in parts)
    came_back = Markup("Nothing came back.")
    if units:
        came_back = Markup("{} worth {} came back.").format(plural(units, "unit"), money(returned))
    lead = Markup(
        "A return is an order line with a negative quantity: it lowers revenue and units wherever it counts. "
        "{} An order of no known customer counts as a sale, but for no customer; one without lines counts as "
        "an order of 0."
    ).format(came_back)
    dated = sum((each.revenue for each in found.months), Decimal(0))
    undated = sum((each.revenue for each in found.undated), Decimal(0))
    table = Table(
        "All sales, dated or not",
        ("Sales", "Revenue", "Orders", "Lines", "Units", "Returned"),
        [
            (
                "with a date",
                money(dated),
                count(sum(each.count_orders for each in found.months)),
                count(found.totals.lines - sum(each.count_lines for each in found.undated)),
                count(sum(each.total_units for each in found.months)),
                money(sum((each.returned_amount for each in found.months), Decimal(0))),
            ),
            *(
                (
                    each.reason,
                    money(each.revenue),
                    count(each.count_orders),
                    count(each.count_lines),
                    count(each.total_units),
                    money(each.returned_amount),
                )
                for each in found.undated
            ),
        ],
        note="Without a date, sales are in the totals by place, product and customer, but in no month.",
        source=(figures.Month.MART, figures.Undated.MART),
    )
    whole = found.totals.revenue
    if dated + undated == whole:
        sums = Note(
            Markup("Dated and undated revenue add up to every order line, to the last digit: {}.").format(
                money(whole)
            ),
            tone="good",
        )
    else:
        sums = Note(
            Markup(
                "Dated and undated revenue add up to {}, but all order lines to {}: run dbt build again."
            ).format(money(dated + undated), money(whole)),
            tone="bad",
        )
    return Section("treatment", "Undated sales and returns", lead, (table, sums))


def quality(found: Figures, health: Health) -> Section:
    """What dbt tested and what the marts hold."""
    return Section(
        "quality",
        "Data quality",
        "Every mart has a contract and tests; dbt builds nothing on what failed.",
        tuple(_quality(found, health)),
    )


def _quality(found: Figures, health: Health) -> Iterator[Block]:
    if health.dbt is None:
        yield Note(f"{health.dbt_fault}.", tone="bad")
    else:
        yield from _tests(health.dbt)
    if health.stamp_fault:
        yield Note(
            f"{health.stamp_fault}: dbt's results may be of another build than the figures.", tone="bad"
        )
    totals = found.totals
    yield Table(
        "Rows of the marts",
        ("Mart", "One row per", "Rows"),
        [
            ("dim_customers", "customer", count(totals.customers)),
            ("dim_products", "product", count(totals.products)),
            ("fct_orders", "order", count(totals.orders)),
            ("fct_order_lines", "order and product", count(totals.lines)),
            ("fct_product_purchases", "product and customer with a line of it", count(totals.purchases)),
        ],
        text_columns=(0, 1),
        note=Markup("The order lines are made of {} of the source and hold {}.").format(
            plural(totals.source_rows, "row"), plural(totals.units, "unit")
        ),
        source=("dim_customers", "dim_products", "fct_orders", "fct_order_lines", "fct_product_purchases"),
    )


def _tests(run: DbtRun) -> Iterator[Block]:
    passed, warned = run.count("test", "pass"), run.count("test", "warn")
    bad = run.count("test", "fail", "error")
    rest = run.count("test") - passed - warned - bad
    text = Markup("{}: {} passed, {} warned, {} failed{}; {} built. {}, invocation {}, ended {}.").format(
        plural(run.count("test"), "test"),
        count(passed),
        count(warned),
        count(bad),
        Markup(", {} not run").format(count(rest)) if rest else "",
        plural(
            sum(run.count(kind, "success") for kind in ("model", "seed", "snapshot")),
            "model, seed or snapshot",
            "models, seeds and snapshots",
        ),
        run.command,
        run.invocation,
        moment(run.made_at),
    )
    good = "good" if passed else "plain"
    yield Note(text, tone="bad" if any(each.status != "warn" for each in run.notable) else good)
    if run.notable:
        yield Table(
            "Not simply passed",
            ("Name", "Status", "Message"),
            [(each.name, each.status, shortened(each.message, 300)) for each in run.notable[:50]],
            text_columns=(0, 1, 2),
            note=f"The first 50 of {len(run.notable):,}." if len(run.notable) > 50 else "",
        )
