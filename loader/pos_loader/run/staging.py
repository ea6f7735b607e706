"""Staging does everything of a publication that no reader sees, and verifies it.

A full refresh stages a build: a new collection, filled, verified and indexed. A sync stages differences,
which one transaction will write. `showing` shows either to readers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import ClassVar

from pos_loader import stopping
from pos_loader.collection import Collection
from pos_loader.errors import ConnectionFailed, DataError, LoaderError
from pos_loader.publish import builds, layout, live_layout, rejects
from pos_loader.run import ownership
from pos_loader.run.job import Job
from pos_loader.run.mode import FULL_REFRESH, SYNC, Decision, decide, require_few_deletes, resumption
from pos_loader.run.partitions import beside, insert, reconciled, resume, run
from pos_loader.run.survey import Work
from pos_loader.run.tally import Counts, Tally
from pos_loader.servers.mongo import Handle


@dataclass(frozen=True)
class Build:
    """A full refresh, staged: a verified build collection.

    `rename` puts it in the place of the live collection, `discard` drops it. `layout` is what differs from
    the collection that it replaces.
    """

    work: Work
    tally: Tally
    claim: ownership.Claim
    layout: live_layout.Changes
    rename: Callable[[], None]
    discard: Callable[[], None]
    mode: ClassVar = FULL_REFRESH

    @property
    def counts(self) -> Counts:
        """Say what the rename writes, as readers see it."""
        return self.tally.rebuilt.counts


@dataclass(frozen=True)
class Pending:
    """A sync, staged: differences that a transaction will write. Nothing is in MongoDB yet.

    `layout` is what changes beside the documents; `counts` is what the sync writes, once it is shown without
    the documents that MongoDB refused.
    """

    work: Work
    tally: Tally
    claim: ownership.Claim
    layout: live_layout.Changes
    counts: Counts
    mode: ClassVar = SYNC


Staged = Build | Pending


def stage(job: Job, work: Work) -> Staged:
    """Decide how to publish one collection, and stage it.

    Raises as `decide` does, and `DataError` where the data does not verify or MongoDB refuses more documents
    than allowed.
    """
    interrupted = _interrupted(job, work)
    name = work.collection.name
    decision = resumption(job, work) if interrupted else decide(job, work)
    is_rebuilt = decision.tally is None
    if is_rebuilt:
        how = f"continuing {interrupted}" if interrupted else f"full refresh, {decision.reason}"
        job.progress.note(f"{name}: {how}")
    for note in ownership.notes(decision.claim, decision.layout, is_rebuilt=is_rebuilt):
        job.progress.note(f"{name}: {note}", collection=name)
    if decision.tally is None:
        return refresh(job, work, decision, interrupted)
    tally = decision.tally
    return Pending(work, tally, decision.claim, decision.layout, tally.compared.counts)


def discard(staged: Staged) -> None:
    """Drop what is staged; the next load drops what cannot be dropped now."""
    if isinstance(staged, Build):
        with suppress(LoaderError):
            staged.discard()


@contextmanager
def discarded_on_error(staged: Sequence[Staged]) -> Iterator[None]:
    """Discard what is in the list when the block ends in an error or is interrupted.

    A lost connection discards nothing: a later load with `--resume` continues the builds.
    """
    try:
        yield
    except ConnectionFailed:
        raise
    except (Exception, KeyboardInterrupt):
        with stopping.held():
            for each in staged:
                discard(each)
        raise


def refresh(job: Job, work: Work, decision: Decision, interrupted: str = "") -> Build:
    """Fill a new build, or complete the `interrupted` one; its note stands once it is fully set up.

    Raises `DataError` where it does not verify; the build is dropped then, as where the load is interrupted.
    """
    collection, database, claim = work.collection, job.database(work.collection), decision.claim
    build = interrupted or builds.build_name(collection.collection, job.load_id)

    def rename() -> None:
        ownership.rename(job, collection, claim, build)
        builds.forget(database, build)

    def drop() -> None:
        ownership.drop(job, collection, build)

    try:
        if not interrupted:
            points = work.split_points
            builds.begin(database, collection, build)
            layout.create(job.client, collection, build, topology=job.topology, split_points=points)
            builds.register(database, collection, build, invocation=job.invocation)
        may_repeat = interrupted or job.pool.is_remote
        step = beside(collection.collection if claim.uuid else "", resume if may_repeat else insert)
        tally = run(job, work, database[build], step)
        require_few_rejects(job, collection, tally)
        _require_verified(work, tally)
        require_few_deletes(job, work, claim, deletes=tally.rebuilt.gone, live=tally.rebuilt.live)
        _finish(job, work, database[build], tally)
        ownership.carry(database[build], claim)
    except (DataError, stopping.Stopped, KeyboardInterrupt) as error:
        with stopping.held(), suppress(*(() if isinstance(error, DataError) else (LoaderError,))):
            drop()
        raise
    return Build(work, tally, claim, decision.layout, rename=rename, discard=drop)


def _finish(job: Job, work: Work, handle: Handle, tally: Tally) -> None:
    """Build the remaining indexes, and reconcile meanwhile."""

    def index() -> None:
        with tally.timed("index"):
            layout.complete(handle, work.collection)

    with ThreadPoolExecutor(1, thread_name_prefix="index") as pool:
        indexed = pool.submit(index)
        if not tally.rejects:  # the marts' figures count rejected documents, the build does not hold them
            _require_equal(work, reconciled(job, work, handle, tally))
        indexed.result()


def _interrupted(job: Job, work: Work) -> str:
    """Drop what interrupted full refreshes left; with `--resume`, return the build that can be continued.

    The caller holds the collection's lease, so no build found belongs to a running load.
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
        job.progress.note(f"{collection.name}: no interrupted build to continue, starting a new one")
    return resumed


def require_few_rejects(job: Job, collection: Collection, tally: Tally, *, together: int = 0) -> None:
    """Write the rejects file; raise `DataError` where that fails, or there are more rejects than allowed.

    `together` counts the rejects of all collections that one transaction writes.
    """
    allowed = job.options.max_rejects if together <= job.options.max_rejects else 0
    file = rejects.write(job.folder, collection, tally.rejects, whole=job.options.reject_documents)
    rejects.require_few(collection, tally.rejects, allowed=allowed, file=file)


def _require_verified(work: Work, tally: Tally) -> None:
    """Require that the build differs by the rejects only, which are missing in it."""
    differences = tally.compared.differences - len(tally.rejects)
    if differences:
        first = tally.examples[0]
        raise DataError(
            f"{differences} documents of {work.collection.name} do not verify",
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
