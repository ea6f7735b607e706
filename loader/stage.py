"""Staging: everything of a publication that no reader sees, verified; then the one step that shows it.

Two ways, both safe. *Full refresh*: a build collection, filled, verified, and renamed over its target.
*Sync*: the differences of a live collection, written in one transaction; where they are too many for one, a
full refresh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from loader import layout, publish, sync
from loader.errors import DataError, SpecError
from loader.job import Job
from loader.work import Tally, Work, gather, insert, run


@dataclass(frozen=True)
class Staged:
    """A verified publication: `publish` shows it to readers in one step, `discard` forgets it."""

    work: Work
    mode: str
    tally: Tally
    inserted: int
    replaced: int
    deleted: int
    unchanged: int
    publish: Callable[[], None]
    discard: Callable[[], None]


def stage(job: Job, work: Work) -> Staged:
    """Choose the way and stage one collection.

    Raises `SpecError` where a live collection's layout needs `--full-refresh`, `DataError` where the data
    does not verify or a guard stops it.
    """
    live = layout.describe(job.live(work.collection))
    if live is None or job.options.full_refresh:
        return _refresh(job, work)
    pending = layout.changes(work.collection, live, is_cluster=job.topology.is_cluster)
    if pending.rebuild:
        raise SpecError(
            f"collection {work.collection.name}: {'; '.join(pending.rebuild)}",
            where="a live collection cannot take that",
            fix="run pos-loader load --full-refresh",
        )
    return _sync(job, work, pending)


def _sync(job: Job, work: Work, pending: layout.Changes) -> Staged:
    collection, handle = work.collection, job.live(work.collection)
    tally = run(job, work, handle, gather)
    share = job.options.max_delete_share
    sync.require_few_deletes(
        collection,
        deletes=tally.extra,
        live=tally.live,
        share=collection.max_delete_share if share is None else share,
    )
    if not (tally.changes.fits and job.topology.has_transactions):
        job.progress.note(
            f"{collection.name}: {tally.differences:,} documents differ, more than one transaction takes; "
            "publishing by rename"
        )
        return _refresh(job, work)

    def show() -> None:
        if pending:
            layout.amend(handle, collection, pending)
        sync.apply(handle, collection, tally.changes)

    return Staged(
        work=work,
        mode="sync",
        tally=tally,
        inserted=tally.missing,
        replaced=tally.changed,
        deleted=tally.extra,
        unchanged=tally.same,
        publish=show,
        discard=lambda: None,
    )


def _refresh(job: Job, work: Work) -> Staged:
    collection, database = work.collection, job.database(work.collection)
    build = publish.build_name(collection.collection, job.load_id)

    def discard() -> None:
        publish.drop(database, build)

    try:
        publish.drop_strays(database, collection.collection)
        handle = layout.create(
            job.client, collection, build, topology=job.topology, split_points=work.split_points
        )
        tally = run(job, work, handle, insert)
        _require_verified(work, tally)
    except Exception:
        discard()
        raise
    return Staged(
        work=work,
        mode="full refresh",
        tally=tally,
        inserted=tally.documents,
        replaced=0,
        deleted=0,
        unchanged=0,
        publish=lambda: publish.rename(job.client, collection.database, build, collection.collection),
        discard=discard,
    )


def _require_verified(work: Work, tally: Tally) -> None:
    if tally.differences:
        first = tally.examples[0]
        raise DataError(
            f"{tally.differences} documents of {work.collection.name} do not verify",
            where=f"first {first.kind} _id {first.id!r} {first.path}".strip(),
            fix="nothing was published; run again, and report it if it stays",
        )
