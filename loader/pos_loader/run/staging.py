"""Staging: everything of a publication that no reader sees, verified; then the one step that shows it.

Two ways, both safe. *Full refresh*: a build collection, filled, verified, and renamed over its target.
*Sync*: the differences of a live collection, written in one transaction; where they are too many for one, a
full refresh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from pos_loader.collection import Collection
from pos_loader.errors import ConnectionFailed, DataError, LoaderError, SpecError
from pos_loader.publish import builds, layout, lease, live_layout, rejects, sync
from pos_loader.publish.sync import TransactionRefused
from pos_loader.run import ownership
from pos_loader.run.faults import Faults, groups
from pos_loader.run.job import Job
from pos_loader.run.partitions import Tally, Work, beside, gather, insert, reconciled, resume, run
from pos_loader.servers.mongo import Handle

FULL_REFRESH, SYNC = "full refresh", "sync"


@dataclass(frozen=True)
class Staged:
    """A verified publication, which `show` shows to readers and `discard` forgets."""

    work: Work
    mode: str
    tally: Tally
    claim: ownership.Claim = field(default_factory=ownership.Claim)
    layout: live_layout.Changes = field(default_factory=live_layout.Changes)
    """What changes beside documents; of a full refresh, against the collection that it replaces."""
    rename: Callable[[], None] = lambda: None
    """Puts the build of a full refresh in its place."""
    discard: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Decision:
    """How a collection will be published, and why.

    For a sync, `tally` holds the differences; `layout` is what changes beside documents.
    """

    mode: str
    reason: str = ""
    claim: ownership.Claim = field(default_factory=ownership.Claim)
    tally: Tally | None = None
    layout: live_layout.Changes = field(default_factory=live_layout.Changes)


def decide(job: Job, work: Work) -> Decision:
    """Choose between sync and full refresh, comparing the live collection where there is one.

    Raises `SpecError` where a live collection's layout needs `--full-refresh`, `DataError` where a sync would
    delete more than declared, or the collection or what is in it belongs to somebody else.
    """
    collection, handle = work.collection, job.live(work.collection)
    live = live_layout.describe(handle)
    claim = ownership.judge(job, collection, live)
    if live is None and not work.is_partial:
        return Decision(FULL_REFRESH, "not published yet")
    if live is None:
        raise SpecError(
            f"collection {handle.full_name} is not published, so there are no rejects to add",
            where="--retry-rejects",
            fix="run pos-loader load",
        )
    pending = ownership.pending(collection, live, claim, is_cluster=job.topology.is_cluster)
    if job.options.full_refresh and not work.is_partial:
        return Decision(FULL_REFRESH, "--full-refresh", claim, layout=pending)
    if pending.rebuild:
        adopting = f" --adopt {collection.name}" if claim.how == ownership.ADOPTED else ""
        raise SpecError(
            f"collection {collection.name}: {'; '.join(pending.rebuild)}",
            where="a live collection cannot take that",
            fix=f"run pos-loader load --full-refresh{adopting}",
        )
    tally = run(job, work, handle, gather)
    require_few_deletes(job, work, claim, deletes=tally.extra, live=tally.live)
    if tally.differences and not (tally.changes.fits and job.topology.has_transactions):
        if work.is_partial:
            raise SpecError(
                f"{tally.differences} rejects of {collection.name} are too many for one transaction",
                where="--retry-rejects",
                fix="run pos-loader load",
            )
        reason = f"{tally.differences:,} documents differ, too many for one transaction"
        return Decision(FULL_REFRESH, reason, claim, layout=pending)
    return Decision(SYNC, "", claim, tally, pending)


def require_few_deletes(job: Job, work: Work, claim: ownership.Claim, *, deletes: int, live: int) -> None:
    """Raise `DataError` where more of the `live` documents would go than may."""
    collection, share = work.collection, job.options.max_delete_share
    if collection.buckets and claim.how == ownership.ADOPTED:
        share = ownership.ADOPTED_SHARE if share is None else share
    elif work.is_partial or collection.buckets:
        # Buckets come and go with the lengths of arrays, rejects are named one by one.
        share = 1.0
    share = collection.max_delete_share if share is None else share
    sync.require_few_deletes(collection, deletes=deletes, live=live, share=share)


def stage(job: Job, work: Work) -> Staged:
    """Decide and stage one collection.

    Raises as `decide` does, and `DataError` where the data does not verify or MongoDB refuses more documents
    than allowed.
    """
    resumed = _interrupted(job, work)
    name = work.collection.name
    decision = _resumption(job, work) if resumed else decide(job, work)
    is_rebuilt = decision.tally is None
    if is_rebuilt:
        how = f"going on with {resumed}" if resumed else f"full refresh, {decision.reason}"
        job.progress.note(f"{name}: {how}")
    for note in ownership.notes(decision.claim, decision.layout, is_rebuilt=is_rebuilt):
        job.progress.note(f"{name}: {note}", collection=name)
    if decision.tally is None:
        return _refresh(job, work, decision, resumed)
    return Staged(work, SYNC, decision.tally, decision.claim, decision.layout)


def _resumption(job: Job, work: Work) -> Decision:
    """Go on with a build, whatever differs; raises as `decide` does for what is somebody's."""
    live = live_layout.describe(job.live(work.collection))
    claim = ownership.judge(job, work.collection, live)
    if live is None:
        return Decision(FULL_REFRESH)
    is_cluster = job.topology.is_cluster
    pending = ownership.pending(work.collection, live, claim, is_cluster=is_cluster)
    return Decision(FULL_REFRESH, "", claim, layout=pending)


def show(
    job: Job, staged: Sequence[Staged], faults: Faults, *, look_again: Callable[[], None] = lambda: None
) -> Iterator[Staged]:
    """Show everything to readers, collection by collection, each in one step; yields what is shown.

    The syncs of a group (a collection and its buckets, or what declares one `all_or_none`) are one step; the
    builds of buckets come before, so that an item that grew out of its document is there twice for a moment,
    not missing. What cannot be shown is in `faults` with the rest of its group, and discarded. A sync whose
    transaction MongoDB does not take becomes a full refresh; `look_again` is called before that is shown.

    Where a fault of the whole run ends it early, the error raised also names what is shown.
    """
    shown: list[str] = []
    for group in _grouped(staged):
        for step in _steps(group):
            try:
                done = _show(job, step, look_again=look_again)
            except (SpecError, DataError) as error:
                faults.errors[_culprit(step, error)] = error
                break
            except LoaderError as error:
                raise _named(error, shown, [each.work.collection.name for each in step]) from error
            shown += [each.work.collection.name for each in done]
            yield from done
        left = [each for each in group if each.work.collection.name not in shown]
        faults.hold_back([each.work.collection for each in left])
        for each in left:
            discard(each)


def _grouped(staged: Sequence[Staged]) -> Iterator[list[Staged]]:
    by_name = {each.work.collection.name: each for each in staged}
    for members in groups(each.work.collection for each in staged).values():
        yield [by_name[each.name] for each in members]


def _culprit(step: Sequence[Staged], error: LoaderError) -> str:
    """The collection of a step that an error speaks of; the first where it names none."""
    names = [each.work.collection.name for each in step]
    return next((name for name in sorted(names, key=len, reverse=True) if name in error.what), names[0])


def _named(error: LoaderError, shown: Sequence[str], left: Sequence[str]) -> LoaderError:
    """The error that ends a run early, with what is shown already."""
    if not shown:
        return error
    return type(error)(
        f"{', '.join(shown)} published, {', '.join(left)} not: {error.what}",
        where=error.where,
        fix="what is published is whole; run again for the rest",
    )


def discard(staged: Staged) -> None:
    """Forget what is staged; the next load drops what cannot be dropped now."""
    with suppress(LoaderError):
        staged.discard()


def _show(job: Job, step: list[Staged], *, look_again: Callable[[], None]) -> list[Staged]:
    """Show one step; returns what is shown, which for a sync may be a full refresh."""
    if step[0].mode != SYNC:
        step[0].rename()
        return step
    try:
        _write(job, step)
    except TransactionRefused as error:
        if any(each.work.is_partial for each in step):
            raise
        return _show_rebuilt(job, step, error, look_again=look_again)
    return step


def _show_rebuilt(
    job: Job, step: Sequence[Staged], error: LoaderError, *, look_again: Callable[[], None]
) -> list[Staged]:
    """Publish by rename what MongoDB does not take as one transaction; the buckets first."""
    names = ", ".join(each.work.collection.name for each in step)
    job.progress.note(f"{names}: full refresh, {error.what}")
    rebuilt: list[Staged] = []
    try:
        for each in step:
            decision = Decision(FULL_REFRESH, error.what, each.claim, layout=each.layout)
            rebuilt.append(_refresh(job, each.work, decision))
        look_again()
        for each in sorted(rebuilt, key=lambda each: each.work.collection.buckets is None):
            each.rename()
    except ConnectionFailed:  # a later load with --resume continues what is built
        raise
    except Exception:
        for each in rebuilt:
            discard(each)
        raise
    return rebuilt


def _steps(staged: Sequence[Staged]) -> Iterator[list[Staged]]:
    for is_sync, turn in groupby(sorted(staged, key=_turn), key=lambda each: each.mode == SYNC):
        step = list(turn)
        yield from [step] if is_sync else [[each] for each in step]


def _turn(staged: Staged) -> int:
    return 1 if staged.mode == SYNC else 0 if staged.work.collection.buckets else 2


def _write(job: Job, staged: Sequence[Staged]) -> None:
    """Write the syncs of one exposure in one transaction."""
    parts = [
        sync.Sync(job.live(each.work.collection), each.work.collection, each.tally.changes) for each in staged
    ]
    for each, part in zip(staged, parts, strict=True):
        ownership.intend(job, part.collection, each.claim)
        if each.layout:
            live_layout.amend(part.handle, part.collection, each.layout)
    with job.client.start_session() as session:
        for part in (each for each in parts if each.pending.documents):
            name = part.collection.collection
            lease.announce(part.handle.database, [name], load_id=job.load_id, session=session)
        claims = [(each.work.collection, each.claim) for each in staged]
        record = partial(ownership.settle, job, claims)
        refused = sync.apply(parts, session, allowed=job.options.max_rejects, record=record)
    for each, part in zip(staged, parts, strict=True):
        mine = [one for one in refused if one.collection == each.work.collection.name]
        new = sum(one.document in part.pending.inserts for one in mine)
        each.tally.missing -= new
        each.tally.changed -= len(mine) - new
        each.tally.rejects += mine
    for each in staged:
        try:
            require_few_rejects(job, each.work.collection, each.tally, together=len(refused))
        except DataError as error:
            if len(refused) > job.options.max_rejects:
                raise
            job.progress.note(f"{error.what} ({error.where})")  # the transaction has committed


def _refresh(job: Job, work: Work, decision: Decision, resumed: str = "") -> Staged:
    """Fill a build collection, `resumed` or a new one; its note stands only while all of it is laid out."""
    collection, database, claim = work.collection, job.database(work.collection), decision.claim
    build = resumed or builds.build_name(collection.collection, job.load_id)

    def rename() -> None:
        ownership.rename(job, collection, claim, build)
        builds.forget(database, build)

    def discard() -> None:
        ownership.drop(job, collection, build)

    try:
        if not resumed:
            points = work.split_points
            builds.begin(database, collection, build)
            layout.create(job.client, collection, build, topology=job.topology, split_points=points)
            builds.register(database, collection, build, invocation=job.invocation)
        may_repeat = resumed or job.pool.is_remote
        step = beside(collection.collection if claim.uuid else "", resume if may_repeat else insert)
        tally = run(job, work, database[build], step)
        require_few_rejects(job, collection, tally)
        _require_verified(work, tally)
        require_few_deletes(job, work, claim, deletes=tally.gone, live=tally.known + tally.gone)
        _finish(job, work, database[build], tally)
        ownership.carry(database[build], claim)
    except DataError:
        discard()
        raise
    return Staged(work, FULL_REFRESH, tally, claim, decision.layout, rename=rename, discard=discard)


def _finish(job: Job, work: Work, handle: Handle, tally: Tally) -> None:
    """Build the indexes that waited; meanwhile, reconcile."""

    def index() -> None:
        with tally.timed("index"):
            layout.complete(handle, work.collection)

    with ThreadPoolExecutor(1, thread_name_prefix="index") as pool:
        indexed = pool.submit(index)
        if not tally.rejects:  # which are in the marts' figures only
            _require_equal(work, reconciled(job, work, handle, tally))
        indexed.result()


def _interrupted(job: Job, work: Work) -> str:
    """Clear what interrupted full refreshes left; with `--resume`, return the build that can be gone on with.

    Called under the collection's lease, so no build found is a running load's.
    """
    collection, database = work.collection, job.database(work.collection)
    may_resume, resumed = job.options.resume and not work.is_partial, ""
    strays = builds.strays(database, collection.collection)
    ours = builds.noted(database, collection, strays)
    for found in strays:
        if found not in ours:
            job.progress.note(f"{collection.name}: {found} is named like a build, but no load's; it stays")
            continue
        reason = "--resume is not given"
        if may_resume and not resumed:
            reason = builds.why_not(database, collection, found, invocation=job.invocation)
        if not reason:
            resumed = found
            continue
        job.progress.note(f"{collection.name}: dropping an interrupted build: {reason}")
        ownership.drop(job, collection, found)
    if may_resume and not resumed:
        job.progress.note(f"{collection.name}: no interrupted build to go on with, starting anew")
    return resumed


def require_few_rejects(job: Job, collection: Collection, tally: Tally, *, together: int = 0) -> None:
    """Write the rejects file; raise `DataError` where it cannot be, or there are more than allowed.

    `together` counts those of all collections in one transaction, which was written for all or none.
    """
    allowed = job.options.max_rejects if together <= job.options.max_rejects else 0
    file = rejects.write(job.folder, collection, tally.rejects, whole=job.options.reject_documents)
    rejects.require_few(collection, tally.rejects, allowed=allowed, file=file)


def _require_verified(work: Work, tally: Tally) -> None:
    if tally.differences:
        first = tally.examples[0]
        raise DataError(
            f"{tally.differences} documents of {work.collection.name} do not verify",
            where=f"first {first.kind} _id {first.id!r} {first.path}".strip(),
            fix="nothing was published; run again, and report it if it stays",
        )


def _require_equal(work: Work, tally: Tally) -> None:
    unequal = [figure for figure in tally.figures if not figure.equal]
    if unequal:
        raise DataError(
            f"{len(unequal)} of {len(tally.figures)} figures of {work.collection.name} do not reconcile",
            where=f"first {unequal[0]}",
            fix="nothing was published; run again, and report it if it stays",
        )
