"""Loads: what the last load did, the last loads, and where the documents are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pos_loader.load_results import FAILED, REFUSED, Moment
from pos_loader.publish.published import Published
from pos_loader.report.charts import compared
from pos_loader.report.charts.names import drawable, isolated
from pos_loader.report.parts.blocks import Block, Cell, Chart, Note, Section, Table
from pos_loader.report.parts.words import count, plural, plural_text
from pos_loader.report.read.health import Health, moment


def load(health: Health) -> Section:
    """Show the last load, and where the documents are."""
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
    has_moment = any(collection.get("moment") for collection in run["collections"])
    heads = ("Collection", "Mode", "Documents", "Inserted", "Replaced", "Deleted", "Verified")
    yield Table(
        "What it did",
        (*heads, "The shop as of") if has_moment else heads,
        [_loaded(each) + _as_of(each) * has_moment for each in run["collections"]],
        text_columns=(0, 1, 6, 7) if has_moment else (0, 1, 6),
        note="One row per collection, from load_results.json.",
    )


def _as_of(collection: Mapping[str, Any]) -> tuple[Cell, ...]:
    """Show the moment of a live shop that a collection shows."""
    moment = collection.get("moment")
    return (str(Moment(moment["mode"], moment["gtid"], moment["at"])) if moment else "not known",)


LOADED = ("documents", "inserted", "replaced", "deleted")


def _loaded(collection: Mapping[str, Any]) -> tuple[Cell, ...]:
    """Show one collection of the last load; a refused or failed one has no counts."""
    mode = str(collection.get("mode", ""))
    is_known = mode not in (REFUSED, FAILED)
    counts = (collection.get(name, 0) if is_known else None for name in LOADED)
    verified = "every byte" if is_known and not collection.get("differences") else "no"
    return (
        str(collection.get("namespace", "")),
        mode,
        *map(count, counts),
        str(collection.get("refused") or verified),
    )


PAINTS = ("first", "second", "third", "up", "soft", "down", "ink", "muted")
"""Colours of shards, each with a contrast of 1.5:1 or more to the next; the ninth shard has the first."""


def _shards(health: Health) -> Iterator[Block]:
    live = [each for each in health.published if each.live is not None and not each.foreign]
    foreign = [each.collection.name for each in health.published if each.foreign]
    if foreign:
        yield Note(f"Not published by this loader, and left out here: {', '.join(foreign)}.", tone="bad")
    if health.published_fault:
        yield Note(f"Documents per shard are not known: {health.published_fault}.")
        return
    if not live:
        yield Note("No collection is published yet.")
        return
    names = sorted({shard for published in live for shard in published.shards})
    paints = {drawable(name): PAINTS[index % len(PAINTS)] for index, name in enumerate(names)}
    rows = [
        _share(published, name, shard, order)
        for published, name in zip(live, _bars(live), strict=True)
        for order, shard in enumerate(names)
    ]
    documents = sum(share.documents for published in live for share in published.shards.values())
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
                    f"{published.collection.database}.{published.collection.collection}",
                    ", ".join(f"{path}: {kind}" for path, kind in published.live.shard_key)
                    if published.live
                    else "",
                    *(
                        count(published.shards[name].documents) if name in published.shards else "0"
                        for name in names
                    ),
                )
                for published in live
            ],
            text_columns=(0, 1),
        ),
    )


def _bars(live: Sequence[Published]) -> list[str]:
    """Return the names of the collections; with their databases where two have the same name."""
    names = Counter(published.collection.collection for published in live)
    return [
        published.collection.collection
        if names[published.collection.collection] == 1
        else f"{published.collection.database}.{published.collection.collection}"
        for published in live
    ]


def _share(published: Published, name: str, shard: str, order: int) -> dict[str, object]:
    documents = published.shards[shard].documents if shard in published.shards else 0
    return {
        "name": name,
        "kind": drawable(shard),
        "order": order,
        "value": documents,
        "tip": f"{isolated(drawable(name))}, {drawable(shard)}: {plural_text(documents, 'document')}",
    }
