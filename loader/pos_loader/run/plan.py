"""A plan says what a load would do, without doing it: the preview behind `pos-loader plan`.

The plan and the load make the same comparison and the same decision, so the plan's counts are what the load
will report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pos_loader.collection import Collection, Difference, Key
from pos_loader.declaration.coerce import spelled
from pos_loader.documents import cuts
from pos_loader.documents.sizes import ArraySize, longest_arrays
from pos_loader.load_results import LevelCount
from pos_loader.publish import distribution, live_layout
from pos_loader.run import accounting, ownership
from pos_loader.run.faults import Faults, require_whole_groups
from pos_loader.run.job import Job
from pos_loader.run.mode import SYNC, Decision, decide, require_few_deletes
from pos_loader.run.partitions import beside, measure, run
from pos_loader.run.survey import Work, survey
from pos_loader.run.tally import LARGEST, Tally
from pos_loader.servers import mariadb

BLOCKED = "blocked"
SHOWN = 3


@dataclass(frozen=True)
class CollectionPlan:
    """What a load would do to one collection.

    `mode` is "full refresh", "sync" or "blocked"; `reason` says why. `indexes_add`, `indexes_drop` and
    `indexes_keep` are index names; the loader did not make those it keeps. `notes` says what else is taken
    over, stays or goes. `largest` has the largest documents as (bytes, key), `longest` the arrays with the
    most items. `levels` counts where the rows of the marts go. `unknown` lists what only a load can tell.
    """

    name: str
    namespace: str
    mode: str
    reason: str = ""
    insert: int = 0
    replace: int = 0
    delete: int = 0
    unchanged: int = 0
    documents: int = 0
    bytes: int = 0
    shard_key: str = ""
    indexes_add: tuple[str, ...] = ()
    indexes_drop: tuple[str, ...] = ()
    indexes_keep: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    validator: bool = False
    zones: bool = False
    examples: tuple[Difference, ...] = ()
    largest: tuple[tuple[int, Key], ...] = ()
    longest: tuple[ArraySize, ...] = ()
    coerced: Mapping[str, int] = field(default_factory=dict)
    """How many values a load changes as declared, by `model.column: way`."""
    levels: tuple[LevelCount, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def is_in_step(self) -> bool:
        """Whether a load would change nothing."""
        layout_changes = self.indexes_add or self.indexes_drop or self.validator or self.zones
        return self.mode == SYNC and not (self.insert or self.replace or self.delete or layout_changes)


@dataclass(frozen=True)
class Plan:
    """The plans of all collections of a job."""

    collections: tuple[CollectionPlan, ...]

    @property
    def is_in_step(self) -> bool:
        """Whether a load would change nothing."""
        return all(each.is_in_step for each in self.collections)


def preview(job: Job, *, refused: Mapping[str, str]) -> Plan:
    """Plan every collection of the job; nothing is written.

    `refused` gives the gate's reasons, by name of the collection. An error of one collection, or of its
    group, is in its plan. Raises `LoaderError` where MariaDB cannot be read.
    """
    require_whole_groups(job.collections, job.declared)
    faults, plans = Faults(refused), dict[str, CollectionPlan]()
    for work in survey(job, [each for each in job.collections if each not in faults], faults):
        with faults.of(work.collection):
            plans[work.collection.name] = _preview(job, work)
    faults.hold_back(job.collections)
    for collection in job.collections:
        name = collection.name
        if name in refused:
            plans[name] = _blocked(job, collection, f"the dbt gate refuses it: {refused[name]}")
        elif collection in faults:
            plans[name] = _blocked(job, collection, str(faults.errors[name]))
    return Plan(tuple(plans[collection.name] for collection in job.collections))


def _preview(job: Job, work: Work) -> CollectionPlan:
    decision = decide(job, work)
    if decision.tally is not None:
        return _described(job, work, decision, decision.tally, is_sync=True)
    handle, claim = job.live(work.collection), decision.claim
    tally = run(job, work, handle, beside(handle.name if claim.uuid else "", measure))
    require_few_deletes(job, work, claim, deletes=tally.rebuilt.gone, live=tally.rebuilt.live)
    return _described(job, work, decision, tally, is_sync=False)


def _blocked(job: Job, collection: Collection, reason: str) -> CollectionPlan:
    return CollectionPlan(
        name=collection.name,
        namespace=job.live(collection).full_name,
        mode=BLOCKED,
        reason=reason,
        unknown=("documents to insert, replace and delete",),
    )


def _described(job: Job, work: Work, decision: Decision, tally: Tally, *, is_sync: bool) -> CollectionPlan:
    collection, levels = work.collection, accounting.levels(work, tally)
    accounting.require_complete(collection, levels)
    is_new = not is_sync and decision.claim.uuid is None
    key = ", ".join(f"{path}: {kind}" for path, kind in collection.shard_key) or "unsharded"
    created = tuple(index.name for index in collection.indexes)
    counts = tally.compared.counts if is_sync else tally.rebuilt.counts
    with mariadb.connect(job.server) as queries:
        longest = longest_arrays(queries, collection, top=LARGEST)
        values = cuts.key_values(queries, collection) if job.topology.is_cluster else None
    return CollectionPlan(
        name=collection.name,
        namespace=job.live(collection).full_name,
        mode=decision.mode,
        reason=decision.reason,
        insert=counts.inserted,
        replace=counts.replaced,
        delete=counts.deleted,
        unchanged=counts.unchanged,
        documents=tally.documents,
        bytes=tally.bytes,
        shard_key=key if is_new else "",
        indexes_add=created if is_new else tuple(index.name for index in decision.layout.create),
        indexes_drop=decision.layout.drop,
        indexes_keep=decision.claim.kept_names,
        notes=(
            *ownership.remarks(decision.claim, decision.layout, is_rebuilt=not is_sync),
            *_spread(job, collection, values, is_sync=is_sync),
        ),
        validator=is_new or decision.layout.validator,
        zones=bool(collection.zones) if is_new else decision.layout.zones,
        examples=tuple(tally.examples) if is_sync else (),
        largest=tuple(tally.largest),
        longest=tuple(longest),
        coerced=dict(+tally.coerced),
        levels=levels,
        unknown=() if is_sync else ("documents per shard", "documents MongoDB would refuse"),
    )


def _spread(
    job: Job, collection: Collection, values: cuts.KeyValues | None, *, is_sync: bool
) -> Iterator[str]:
    """Say what hinders an even spread over the shards."""
    if not job.topology.is_cluster or not collection.shard_key:
        return
    handle, shards = job.live(collection), len(job.topology.shards)
    live = live_layout.describe(handle)
    yield from distribution.of_key(collection, values, shards)
    if not collection.buckets:
        yield from distribution.monotonic(handle if live else None, collection)
    if live and live.shard_key and is_sync:
        can_spread = values is None or values.distinct >= distribution.FEW_VALUES
        yield from distribution.of_live(handle, live, topology=job.topology, can_spread=can_spread)


def as_json(plan: Plan) -> dict[str, Any]:
    """Spell a plan as JSON values."""
    spelled = {"in_step": plan.is_in_step, **asdict(plan)}
    for collection in spelled["collections"]:
        for array in collection["longest"]:
            array["key"] = dict(array["key"])
    return spelled


def lines(plan: Plan) -> Sequence[str]:
    """Spell a plan for a person: `+` is added, `~` changes, `-` is removed, `=` is a remark."""
    found = []
    for planned in plan.collections:
        state = "in step" if planned.is_in_step else planned.mode
        found.append(f"{planned.namespace}: {state}{_because(planned)}")
        if planned.mode != BLOCKED:
            found += _details(planned)
        found += [f"  ? unknown: {what}" for what in planned.unknown]
    changes = [planned for planned in plan.collections if not planned.is_in_step and planned.mode != BLOCKED]
    blocked = sum(planned.mode == BLOCKED for planned in plan.collections)
    insert = sum(planned.insert for planned in changes)
    replace = sum(planned.replace for planned in changes)
    delete = sum(planned.delete for planned in changes)
    found.append(
        f"Plan: {len(changes)} of {len(plan.collections)} collections to change{_stuck(blocked)}: "
        f"{insert:,} documents to insert, {replace:,} to replace, {delete:,} to delete."
        if changes or blocked
        else "In step: a load would change nothing."
    )
    return found


def _stuck(blocked: int) -> str:
    return f", {blocked} blocked, which a load would leave as they are" if blocked else ""


def _because(planned: CollectionPlan) -> str:
    return f" ({planned.reason})" if planned.reason else ""


def _details(planned: CollectionPlan) -> Sequence[str]:
    found = [f"  + shard key {planned.shard_key}"] if planned.shard_key else []
    found += [f"  - index {name}" for name in planned.indexes_drop]
    found += [f"  + index {name}" for name in planned.indexes_add]
    found += ["  ~ validator"] if planned.validator else []
    found += ["  ~ zones"] if planned.zones else []
    found += [f"  = {note}" for note in planned.notes]
    counts = (
        ("+", planned.insert, "insert"),
        ("~", planned.replace, "replace"),
        ("-", planned.delete, "delete"),
    )
    found += [f"  {sign} {count:,} documents to {verb}" for sign, count, verb in counts if count]
    found += [f"      {_example(example)}" for example in planned.examples]
    found.append(f"    {planned.documents:,} documents of {planned.bytes / 1e6:,.2f} MB")
    if planned.largest:
        sizes = ", ".join(f"_id {key!r} {size / 1e3:,.1f} kB" for size, key in planned.largest[:SHOWN])
        found.append(f"    largest: {sizes}")
    if planned.longest:
        found.append(f"    longest arrays: {'; '.join(map(str, planned.longest[:SHOWN]))}")
    found += [f"    coerced: {line}" for line in spelled(planned.coerced)]
    if _not_nested(planned):
        found.append(f"    rows not nested: {_not_nested(planned)}")
    return found


def _not_nested(planned: CollectionPlan) -> str:
    return "; ".join(f"{level.model} {level.not_nested}" for level in planned.levels if level.not_nested)


def _example(example: Difference) -> str:
    signs = {"missing": "+", "changed": "~", "extra": "-"}
    head = f"{signs[example.kind]} _id {example.id!r}"
    return f"{head} {example.path}: {example.found} -> {example.expected}" if example.path else head
