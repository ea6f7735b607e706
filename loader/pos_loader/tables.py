"""Outcomes as text: one row per collection, the lines below the table, and the faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pos_loader.declaration.coerce import spelled
from pos_loader.load_results import FAILED, CollectionOutcome, LevelCount, Outcome

HEADS = ("collection", "mode", "documents", "MB", "changes", "mart rows", "per shard", "verified")


def row(collection: CollectionOutcome) -> tuple[str, ...]:
    """Spell one collection of a run as a table row under `HEADS`."""
    if collection.mode == FAILED:
        return (collection.namespace, collection.mode, "", "", "", "", "", collection.error)
    if collection.refused:
        return (collection.namespace, collection.mode, "", "", "", "", "", collection.refused)
    return (
        collection.namespace,
        collection.mode,
        f"{collection.documents:,}",
        f"{collection.bytes / 1e6:.2f}",
        f"+{collection.inserted:,} ~{collection.replaced:,} -{collection.deleted:,}",
        ", ".join(map(counted, collection.levels)),
        shares(collection.shards),
        _verified(collection),
    )


def lines(outcome: Outcome) -> Iterator[str]:
    """Spell what stands below the table: notes, differences, changed values, and the run as a whole."""
    for collection in outcome.collections:
        for note in collection.notes:
            yield f"{collection.name}: {note}"
        for example in collection.examples:
            path = f" {example.path}" if example.path else ""
            values = f": expected {example.expected}, found {example.found}" if example.path else ""
            yield f"{collection.name} _id {example.id!r}{path} {example.kind}{values}"
        for figure in collection.unequal:
            yield f"{collection.name} {figure}"
        for line in spelled(collection.coerced):
            yield f"{collection.name} coerced {line}"
    for moment in sorted({str(collection.moment) for collection in outcome.collections if collection.moment}):
        yield f"the shop as of {moment}"
    yield (
        f"{outcome.command} {outcome.load_id}: {outcome.seconds:.1f} s, "
        f"peak memory {outcome.peak_memory / 1e6:.0f} MB, dbt invocation {outcome.dbt_invocation}"
    )


def faults(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Name every collection that failed or was refused, and say why."""
    verb = "published" if outcome.command == "load" else "verified"
    for collection in outcome.collections:
        name = collection.name
        if collection.refused:
            yield name, f"{name} is not {verb} ({collection.refused}); correct it and run dbt build again"
        elif collection.error and len(outcome.collections) > 1:
            yield name, f"{name} is not {verb}: {collection.error}"
        elif collection.error:
            yield name, collection.error


def _verified(collection: CollectionOutcome) -> str:
    """Spell what was compared, or what differs; a quick verification compares no bytes."""
    if not collection.verified:
        unequal = len(collection.unequal)
        counts = ((collection.differences, "documents differ"), (unequal, "figures differ"))
        return ", ".join(f"{count:,} {what}" for count, what in counts if count)
    figures = f"{len(collection.figures):,} figures"
    return ", ".join(["every byte"] * (collection.partitions > 0) + [figures] * bool(collection.figures))


def counted(level: LevelCount) -> str:
    """Spell where a model's rows are: `fct_orders 998 (unknown member 12, left out 3)`."""
    return f"{level.model} {level.nested:,}" + (f" ({level.not_nested})" if level.not_nested else "")


def shares(shards: Mapping[str, Any]) -> str:
    """Spell documents per shard: `shard1 4,003, shard2 3,979`."""
    return ", ".join(f"{shard} {share.documents:,}" for shard, share in sorted(shards.items()))
