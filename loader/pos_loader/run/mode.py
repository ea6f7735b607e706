"""The decision how a load publishes one collection: a sync, or a full refresh.

A sync needs a live collection of the declared layout, and differences that fit into one transaction.
Everything else is a full refresh, or an error that names the option to give.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pos_loader.collection import Collection
from pos_loader.errors import DataError, SpecError
from pos_loader.publish import live_layout, sync, zones
from pos_loader.run import ownership
from pos_loader.run.job import Job
from pos_loader.run.partitions import gather, run
from pos_loader.run.survey import Work
from pos_loader.run.tally import Tally

FULL_REFRESH, SYNC = "full refresh", "sync"


@dataclass(frozen=True)
class Decision:
    """How a collection will be published, and why.

    A sync has a `tally` with the differences; a full refresh has none yet. `layout` is what changes beside
    the documents.
    """

    mode: str
    reason: str = ""
    claim: ownership.Claim = field(default_factory=ownership.Claim)
    tally: Tally | None = None
    layout: live_layout.Changes = field(default_factory=live_layout.Changes)


def decide(job: Job, work: Work) -> Decision:
    """Choose between sync and full refresh; a live collection is compared with the marts first.

    Raises `SpecError` where the live collection's layout needs `--full-refresh`, or a zone has no shard.
    Raises `DataError` where a sync would delete more than declared, where a full refresh would lose zones of
    others, or where the loader made neither the collection nor an index in it.
    """
    collection, handle = work.collection, job.live(work.collection)
    if job.topology.is_cluster:
        zones.require_shards(job.client, collection)
    live = live_layout.describe(handle)
    claim = ownership.judge(job, collection, live)
    if live is None and not work.is_partial:
        return full_refresh(collection, "not published yet", claim)
    if live is None:
        raise SpecError(
            f"collection {handle.full_name} is not published, so there are no rejects to add",
            where="--retry-rejects",
            fix="run pos-loader load",
        )
    pending = ownership.pending(collection, live, claim, is_cluster=job.topology.is_cluster)
    if job.options.full_refresh and not work.is_partial:
        return full_refresh(collection, "--full-refresh", claim, pending)
    if pending.rebuild:
        adopting = f" --adopt {collection.name}" if claim.how == ownership.ADOPTED else ""
        raise SpecError(
            f"collection {collection.name}: {'; '.join(pending.rebuild)}",
            where="a live collection cannot take that",
            fix=f"run pos-loader load --full-refresh{adopting}",
        )
    return _by_differences(job, work, claim, pending)


def _by_differences(job: Job, work: Work, claim: ownership.Claim, pending: live_layout.Changes) -> Decision:
    """Sync if the differences fit into one transaction."""
    tally = run(job, work, job.live(work.collection), gather)
    compared = tally.compared
    require_few_deletes(job, work, claim, deletes=compared.extra, live=compared.live)
    if not compared.differences or (tally.changes.fits and job.topology.has_transactions):
        return Decision(SYNC, "", claim, tally, pending)
    if work.is_partial:
        raise SpecError(
            f"{compared.differences} rejects of {work.collection.name} are too many for one transaction",
            where="--retry-rejects",
            fix="run pos-loader load",
        )
    reason = f"{compared.differences:,} documents differ, too many for one transaction"
    return full_refresh(work.collection, reason, claim, pending)


def resumption(job: Job, work: Work) -> Decision:
    """Decide for an interrupted build that is continued: a full refresh, without a comparison.

    Raises `DataError` as `decide` does.
    """
    live = live_layout.describe(job.live(work.collection))
    claim = ownership.judge(job, work.collection, live)
    if live is None:
        return full_refresh(work.collection, "", claim)
    is_cluster = job.topology.is_cluster
    pending = ownership.pending(work.collection, live, claim, is_cluster=is_cluster)
    return full_refresh(work.collection, "", claim, pending)


def full_refresh(
    collection: Collection,
    reason: str,
    claim: ownership.Claim,
    layout: live_layout.Changes | None = None,
) -> Decision:
    """Return the decision for a full refresh; raise `DataError` where zones of others are in its way."""
    for each in claim.zones:
        raise DataError(
            f"a full refresh would lose a zone range of the collection, which is not declared: {each}",
            where=f"exposure {collection.name}",
            fix="declare its zones, or `zones: {}` to have them removed",
        )
    return Decision(FULL_REFRESH, reason, claim, layout=layout or live_layout.Changes())


def require_few_deletes(job: Job, work: Work, claim: ownership.Claim, *, deletes: int, live: int) -> None:
    """Raise `DataError` where the load would delete a larger share of the `live` documents than allowed."""
    collection, share = work.collection, job.options.max_delete_share
    if collection.buckets and claim.how == ownership.ADOPTED:
        share = ownership.ADOPTED_SHARE if share is None else share
    elif work.is_partial or collection.buckets:
        # Buckets come and go with the lengths of arrays, and rejects are named one by one.
        share = 1.0
    share = collection.max_delete_share if share is None else share
    sync.require_few_deletes(collection, deletes=deletes, live=live, share=share)
