"""Data quality: what dbt tested, and how many rows the marts hold."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from pos_loader.report.charts.names import shortened
from pos_loader.report.parts.blocks import Block, Note, Section, Table
from pos_loader.report.parts.words import count, plural
from pos_loader.report.read.figures import Figures
from pos_loader.report.read.health import DbtRun, Health, moment


def tests_and_rows(found: Figures, health: Health) -> Section:
    """Show the tests of dbt, and the rows of the marts."""
    return Section(
        "quality",
        "Data quality",
        "Every mart has a contract and tests; dbt builds nothing that depends on a failed node.",
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
    if health.moment:
        yield Note(f"The figures are those of the shop as of {health.moment}.")
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
    yield Note(text, tone="bad" if any(result.status != "warn" for result in run.notable) else good)
    if run.notable:
        yield Table(
            "Not simply passed",
            ("Name", "Status", "Message"),
            [(result.name, result.status, shortened(result.message, 300)) for result in run.notable[:50]],
            text_columns=(0, 1, 2),
            note=f"The first 50 of {len(run.notable):,}." if len(run.notable) > 50 else "",
        )
