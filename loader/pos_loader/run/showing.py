"""Showing puts staged publications before readers, each in one step: a rename, or one transaction.

The collections of a group are shown one after the other: the builds of buckets, then all syncs in one
transaction, then the other builds. So an item that moved from its document to a bucket is there twice for a
moment, but never missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from pos_loader.errors import DataError, LoaderError, SpecError
from pos_loader.publish import lease, live_layout, sync
from pos_loader.publish.sync import TransactionRefused
from pos_loader.run import ownership
from pos_loader.run.faults import Faults, groups
from pos_loader.run.job import Job
from pos_loader.run.mode import full_refresh
from pos_loader.run.staging import (
    Build,
    Pending,
    Staged,
    discard,
    discarded_on_error,
    refresh,
    require_few_rejects,
)

Turn = Build | list[Pending]
"""What is shown in one step: one build, or the syncs of one group."""


def show(
    job: Job, staged: Sequence[Staged], faults: Faults, *, look_again: Callable[[], None]
) -> Iterator[Staged]:
    """Show everything to readers, and yield what is shown.

    What cannot be shown is in `faults` with the rest of its group, and discarded. A sync whose transaction
    MongoDB does not take becomes a full refresh; `look_again` is called before that is shown. An error that
    ends the whole run names what is shown already.
    """
    shown: list[str] = []
    for group in _grouped(staged):
        for turn in _turns(group):
            members = [turn] if isinstance(turn, Build) else turn
            names = [member.work.collection.name for member in members]
            try:
                done = _show(job, turn, look_again=look_again)
            except (SpecError, DataError) as error:
                faults.errors[_culprit(names, error)] = error
                break
            except LoaderError as error:
                raise _named(error, shown, names) from error
            shown += [member.work.collection.name for member in done]
            yield from done
        left = [member for member in group if member.work.collection.name not in shown]
        faults.hold_back([member.work.collection for member in left])
        for member in left:
            discard(member)


def _grouped(staged: Sequence[Staged]) -> Iterator[list[Staged]]:
    by_name = {publication.work.collection.name: publication for publication in staged}
    for members in groups(publication.work.collection for publication in staged).values():
        yield [by_name[collection.name] for collection in members]


def _turns(group: Sequence[Staged]) -> Iterator[Turn]:
    """Put a group in order: the builds of buckets, the syncs together, the other builds."""
    built = [publication for publication in group if isinstance(publication, Build)]
    synced = [publication for publication in group if isinstance(publication, Pending)]
    yield from (build for build in built if build.work.collection.buckets)
    if synced:
        yield synced
    yield from (build for build in built if not build.work.collection.buckets)


def _culprit(names: Sequence[str], error: LoaderError) -> str:
    """Return which of the collections an error speaks of; the first where it names none."""
    return next((name for name in sorted(names, key=len, reverse=True) if name in error.what), names[0])


def _named(error: LoaderError, shown: Sequence[str], left: Sequence[str]) -> LoaderError:
    """Return the error that ends a run, with the names of what is shown already."""
    if not shown:
        return error
    return type(error)(
        f"{', '.join(shown)} published, {', '.join(left)} not: {error.what}",
        where=error.where,
        fix="what is published is whole; run again for the rest",
    )


def _show(job: Job, turn: Turn, *, look_again: Callable[[], None]) -> Sequence[Staged]:
    """Show one turn; return what is shown, which for syncs may be full refreshes."""
    if isinstance(turn, Build):
        turn.rename()
        return [turn]
    try:
        return _write(job, turn)
    except TransactionRefused as error:
        if any(pending.work.is_partial for pending in turn):
            raise
        return _show_rebuilt(job, turn, error, look_again=look_again)


def _show_rebuilt(
    job: Job, syncs: Sequence[Pending], error: LoaderError, *, look_again: Callable[[], None]
) -> Sequence[Staged]:
    """Publish by rename what MongoDB does not take as one transaction; buckets come first."""
    names = ", ".join(pending.work.collection.name for pending in syncs)
    job.progress.note(f"{names}: full refresh, {error.what}")
    builds: list[Build] = []
    with discarded_on_error(builds):
        for pending in syncs:
            collection = pending.work.collection
            decision = full_refresh(collection, error.what, pending.claim, pending.layout)
            builds.append(refresh(job, pending.work, decision))
        look_again()
        for build in sorted(builds, key=lambda build: build.work.collection.buckets is None):
            build.rename()
    return builds


def _write(job: Job, syncs: Sequence[Pending]) -> list[Pending]:
    """Write the syncs of one group in one transaction; return them with the counts of what was written."""
    parts = [
        sync.Sync(job.live(pending.work.collection), pending.work.collection, pending.tally.changes)
        for pending in syncs
    ]
    for pending, part in zip(syncs, parts, strict=True):
        ownership.intend(job, part.collection, pending.claim)
        if pending.layout:
            live_layout.amend(part.handle, part.collection, pending.layout)
    with job.client.start_session() as session:
        for part in parts:
            if part.pending.documents:
                name = part.collection.collection
                lease.announce(part.handle.database, [name], load_id=job.load_id, session=session)
        claims = [(pending.work.collection, pending.claim) for pending in syncs]
        record = partial(ownership.settle, job, claims)
        refused = sync.apply(parts, session, allowed=job.options.max_rejects, record=record)
    written = []
    for pending, part in zip(syncs, parts, strict=True):
        rejects = [reject for reject in refused if reject.collection == pending.work.collection.name]
        pending.tally.rejects += rejects
        new = sum(reject.document in part.pending.inserts for reject in rejects)
        counts = replace(
            pending.counts,
            inserted=pending.counts.inserted - new,
            replaced=pending.counts.replaced - (len(rejects) - new),
        )
        written.append(replace(pending, counts=counts))
    _require_few_rejects(job, written, len(refused))
    return written


def _require_few_rejects(job: Job, syncs: Sequence[Pending], together: int) -> None:
    """Write the rejects files; once the transaction is committed, one that cannot be written is a note."""
    for pending in syncs:
        try:
            require_few_rejects(job, pending.work.collection, pending.tally, together=together)
        except DataError as error:
            if together > job.options.max_rejects:
                raise
            job.progress.note(f"{error.what} ({error.where})")
