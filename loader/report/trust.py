"""What a reader needs to trust the page: unusual orders, what has no date, tests, loads, shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from loader.outcome import FAILED, REFUSED
from loader.report import compared, figures
from loader.report.blocks import Block, Cell, Chart, Note, Section, Table
from loader.report.figures import Figures
from loader.report.health import DbtRun, Health, moment
from loader.report.names import drawable, isolated, shortened
from loader.report.words import count, day, money, plural, plural_text


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
    lead = Markup(
        "A return is an order line with a negative quantity: it lowers revenue and units wherever it counts. "
        "{} worth {} came back. An order of no known customer counts as a sale, but for no customer; one "
        "without lines counts as an order of 0."
    ).format(plural(units, "unit"), money(returned))
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


def load(health: Health) -> Section:
    """The last load, and where the documents are."""
    lead = "The marts are published as documents on MongoDB, and every load compares them byte for byte."
    return Section("load", "Load", lead, tuple(_load(health)))


def _load(health: Health) -> Iterator[Block]:
    if health.load is None:
        yield Note(f"The last load is not known: {health.load_fault}.")
    else:
        yield from _last_load(health)
    if health.runs:
        yield Table(
            "Last loads",
            ("Started (UTC)", "Status", "Seconds", "Load", "dbt invocation"),
            [
                (
                    f"{run.started_at:%-d %b %Y, %H:%M}",
                    run.status,
                    "" if run.seconds is None else f"{run.seconds:.1f}",
                    run.load_id,
                    run.dbt_invocation,
                )
                for run in health.runs[:5]
            ],
            text_columns=(0, 1, 3, 4),
            note="From the audit table pos_loader_runs.",
        )
    elif health.runs_fault:
        yield Note(f"{health.runs_fault[0].upper()}{health.runs_fault[1:]}.")
    yield from _shards(health)


def _last_load(health: Health) -> Iterator[Block]:
    run = health.load or {}
    same = health.dbt is not None and health.dbt.invocation == run["dbt_invocation"]
    good = run["status"] == "succeeded"
    yield Note(
        f"Load {run['load_id']} {run['status']} on {moment(str(run['finished_at']))}, "
        + (
            "of the build above."
            if same
            else "of another build than the one above."
            if health.dbt
            else f"of dbt invocation {run['dbt_invocation']}."
        ),
        tone="good" if good and same else "bad" if not good else "plain",
    )
    if run.get("error"):
        yield Note(str(run["error"]), tone="bad")
    yield Table(
        "What it did",
        ("Collection", "Mode", "Documents", "Inserted", "Replaced", "Deleted", "Verified"),
        [_loaded(each) for each in run["collections"]],
        text_columns=(0, 1, 6),
        note="One row per collection, from load_results.json.",
    )


LOADED = ("documents", "inserted", "replaced", "deleted")


def _loaded(each: Mapping[str, Any]) -> tuple[Cell, ...]:
    """One collection of the last load; the counts of a refused or failed one say nothing."""
    mode = str(each.get("mode", ""))
    is_known = mode not in (REFUSED, FAILED)
    counts = (each.get(name, 0) if is_known else None for name in LOADED)
    verified = "every byte" if is_known and not each.get("differences") else "no"
    return (str(each.get("namespace", "")), mode, *map(count, counts), str(each.get("refused") or verified))


PAINTS = ("first", "second", "third", "up", "soft", "down", "ink", "muted")
"""Colours of shards, each 1.5:1 or more from the next; more than eight begin again."""


def _shards(health: Health) -> Iterator[Block]:
    live = [each for each in health.published if each.live is not None]
    if health.published_fault:
        yield Note(f"Documents per shard are not known: {health.published_fault}.")
        return
    if not live:
        yield Note("No collection is published yet.")
        return
    names = sorted({shard for each in live for shard in each.shards})
    paints = {drawable(name): PAINTS[at % len(PAINTS)] for at, name in enumerate(names)}
    rows = [
        {
            "name": each.collection.collection,
            "kind": drawable(shard),
            "order": order,
            "value": each.shards[shard].documents if shard in each.shards else 0,
            "tip": f"{isolated(drawable(each.collection.collection))}, {drawable(shard)}: "
            + plural_text(each.shards[shard].documents if shard in each.shards else 0, "document"),
        }
        for each in live
        for order, shard in enumerate(names)
    ]
    documents = sum(share.documents for each in live for share in each.shards.values())
    yield Chart(
        key="documents-per-shard",
        title="Documents per shard",
        finding=Markup("{} in {} on {}.").format(
            plural(documents, "document"), plural(len(live), "collection"), plural(len(names), "shard")
        ),
        source=(),
        definition="As MongoDB counts them now, by collection.",
        spec=lambda colour, width: compared.shares(rows, colour, width, paints),
        data=Table(
            "Documents per shard",
            ("Collection", "Shard key", *names),
            [
                (
                    f"{each.collection.database}.{each.collection.collection}",
                    ", ".join(f"{path}: {kind}" for path, kind in each.live.shard_key) if each.live else "",
                    *(count(each.shards[name].documents) if name in each.shards else "0" for name in names),
                )
                for each in live
            ],
            text_columns=(0, 1),
        ),
    )
