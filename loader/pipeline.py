"""The commands' work in one place: gate, lease, survey, stage, publish; or compare; or preview.

Everything is staged and verified, the build is looked at once more, and only then the first collection is
shown to readers, each in one step.
"""

from __future__ import annotations

import re
import resource
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from loader import __version__, gate, layout, mariadb, mongo, plan, rejects
from loader.collection import Collection
from loader.errors import ConnectionFailed, ExitCode, LoaderError, PartialLoad, ending
from loader.job import Job
from loader.lease import Lease, Owner, lease
from loader.outcome import FAILED, SUCCEEDED, CollectionOutcome, Outcome, ShardShare, status_of
from loader.plan import Plan
from loader.stage import SYNC, Staged, show, stage
from loader.work import Tally, Work, compare, look, reconciled, run, survey


def load(job: Job, done: list[CollectionOutcome]) -> Outcome:
    """Publish the job's collections that pass the gate.

    `done` is given the outcomes of those refused or shown, so that they are known when another fails.
    Raises `LoaderError`; whatever is raised, each published collection is as it was or as MariaDB has it.
    """
    if not job.topology.is_cluster:
        job.progress.note("MongoDB is no sharded cluster: collections are published unsharded")
    _note_privileges(job)
    verdicts = _gate(job)
    passed = tuple(each for each in job.collections if not verdicts[each.name].refused)
    done += [_refused_outcome(each, verdicts[each.name]) for each in job.collections if each not in passed]
    with _leases(job, passed) as held:
        staged: list[Staged] = []
        shown: list[Staged] = []
        try:
            staged.extend(stage(job, work) for work in _work(job, passed))
            _require_same_build(job, passed)
            for holder in held:
                holder.require()
            shown.extend(show(job, staged))
        except ConnectionFailed:  # what is built can be gone on with
            raise
        except Exception:
            for each in staged:
                with suppress(LoaderError):
                    each.discard()
            raise
        finally:
            done += [_staged_outcome(job, each, verdicts[each.work.collection.name]) for each in shown]
    return conclude(job, "load", sorted(done, key=lambda each: each.name))


def _note_privileges(job: Job) -> None:
    """Name what the MongoDB user may not do; a role may grant it on single collections, so it is a note."""
    for database in sorted({each.database for each in job.collections}):
        is_sharded = job.topology.is_cluster and any(
            each.shard_key for each in job.collections if each.database == database
        )
        missing = mongo.missing_actions(job.client, database, sharded=is_sharded)
        if missing:
            job.progress.note(f"the MongoDB user has no role that grants {', '.join(missing)} on {database}")


def _work(job: Job, collections: tuple[Collection, ...]) -> list[Work]:
    """Survey the collections; with `--retry-rejects`, narrow each to the documents refused before."""
    surveyed = survey(job, collections)
    if not job.options.retry_rejects:
        return surveyed
    narrowed = []
    for work in surveyed:
        keys = rejects.keys(job.folder, work.collection)
        if keys:
            narrowed.append(replace(work, partitions=rejects.partitions(keys), is_partial=True))
    if not narrowed:
        job.progress.note("no rejects to retry")
    return narrowed


def check(job: Job, *, quick: bool = False) -> Outcome:
    """Compare the published collections with the marts, changing nothing; `quick`: their figures alone."""
    done = []
    for work in (look if quick else survey)(job, job.collections):
        handle = job.live(work.collection)
        if layout.describe(handle) is None:
            mongo.require_published(handle.database, handle.name)
        tally = Tally() if quick else run(job, work, handle, compare)
        done.append(_checked_outcome(job, work, reconciled(job, work, handle, tally)))
    return conclude(job, "verify", done)


def preview(job: Job) -> Plan:
    """Say what `load` would do, reading only."""
    refused = {name: verdict.refused for name, verdict in _gate(job).items() if verdict.refused}
    return plan.preview(job, refused=refused)


def _gate(job: Job) -> dict[str, gate.Verdict]:
    """Judge every collection; without the gate, say loudly what is not known."""
    if job.results is None:
        job.progress.note(
            "WARNING: --no-gate: not checked that dbt built and tested these marts, nor that no build runs"
        )
        return {each.name: gate.Verdict(each.name, "", ()) for each in job.collections}
    with mariadb.connect(job.server) as queries:
        stamp = gate.read_stamp(queries, job.server.schema)
    verdicts = gate.judge(
        job.collections,
        manifest=job.manifest,
        results=job.results,
        stamp=stamp,
        max_age=job.options.max_build_age,
    )
    for verdict in verdicts:
        for warning in verdict.warnings:
            job.progress.note(f"{verdict.collection}: {warning}", collection=verdict.collection)
    return {each.collection: each for each in verdicts}


def _require_same_build(job: Job, collections: Sequence[Collection]) -> None:
    if job.results is None or not collections:
        return
    with mariadb.connect(job.server) as queries:
        fault = gate.stamp_fault(gate.read_stamp(queries, job.server.schema), job.invocation)
    if fault:
        raise PartialLoad(
            f"another build began during the load: {fault}",
            where=f"MariaDB at {job.server.address}",
            fix="nothing was published; run again when dbt has ended",
        )


@contextmanager
def _leases(job: Job, collections: Sequence[Collection]) -> Iterator[list[Lease]]:
    """Hold the leases of all collections, one holder per database."""
    owner = Owner(job.load_id)
    with ExitStack() as stack:
        held = []
        for database in sorted({each.database for each in collections}):
            names = [each.collection for each in collections if each.database == database]
            holder = lease(job.client[database], names, owner, wait=job.options.wait)
            held.append(stack.enter_context(holder))
        yield held


def _staged_outcome(job: Job, staged: Staged, verdict: gate.Verdict) -> CollectionOutcome:
    tally, work, is_sync = staged.tally, staged.work, staged.mode == SYNC
    shards: dict[str, ShardShare] = {}
    with suppress(LoaderError):  # what is published is so, whether or not its place can be looked up
        shards = _shares(job, work.collection)
    return CollectionOutcome(
        name=work.collection.name,
        namespace=job.live(work.collection).full_name,
        mode=staged.mode,
        documents=tally.documents,
        bytes=tally.bytes,
        inserted=tally.missing if is_sync else tally.same,
        replaced=tally.changed,
        deleted=tally.extra,
        unchanged=tally.same if is_sync else 0,
        rejects=len(tally.rejects),
        rows=_by_model(work.collection, tally.rows),
        left_out=_by_model(work.collection, +tally.left_out),
        coerced=dict(+tally.coerced),
        partitions=len(work.partitions),
        seconds=_rounded(tally),
        warnings=verdict.warnings,
        figures=tally.figures,
        shards=shards,
    )


def _checked_outcome(job: Job, work: Work, tally: Tally) -> CollectionOutcome:
    return CollectionOutcome(
        name=work.collection.name,
        namespace=job.live(work.collection).full_name,
        mode="verify",
        documents=tally.documents,
        bytes=tally.bytes,
        unchanged=tally.same,
        rows=_by_model(work.collection, tally.rows),
        left_out=_by_model(work.collection, +tally.left_out),
        coerced=dict(+tally.coerced),
        partitions=len(work.partitions),
        seconds=_rounded(tally),
        differences=tally.differences,
        examples=tuple(tally.examples),
        figures=tally.figures,
        shards=_shares(job, work.collection),
    )


def _refused_outcome(collection: Collection, verdict: gate.Verdict) -> CollectionOutcome:
    return CollectionOutcome(
        name=collection.name,
        namespace=f"{collection.database}.{collection.collection}",
        mode="refused",
        refused=verdict.refused,
        warnings=verdict.warnings,
    )


def _by_model(collection: Collection, rows: Mapping[str, int]) -> dict[str, int]:
    """Add the rows of levels up to those of models; one model may be at several levels."""
    found: Counter[str] = Counter()
    for level in collection.root.walk():
        if level.path in rows:
            found[level.model] += rows[level.path]
    return dict(found)


def _rounded(tally: Tally) -> dict[str, float]:
    return {stage: round(seconds, 3) for stage, seconds in tally.seconds.items()}


def _shares(job: Job, collection: Collection) -> dict[str, ShardShare]:
    shares = layout.shares(job.live(collection))
    return {shard: ShardShare(share.documents, share.bytes) for shard, share in shares.items()}


def conclude(
    job: Job, command: str, done: Sequence[CollectionOutcome] = (), *, error: BaseException | None = None
) -> Outcome:
    """Sum a run up as it stands now; `error` is what ended it."""
    status = FAILED if error else status_of(done)
    code, line = ending(error) if error else (ExitCode.OK if status == SUCCEEDED else ExitCode.DATA, "")
    return Outcome(
        command=command,
        load_id=job.load_id,
        loader_version=__version__,
        status=status,
        exit_code=int(code),
        error=line,
        started_at=job.started_at,
        finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        seconds=round(time.monotonic() - job.started, 3),
        dbt_invocation=job.invocation,
        mariadb=job.server.address,
        mongodb=mongo.hosts(job.client),
        is_cluster=job.topology.is_cluster,
        collections=tuple(done),
        peak_memory=_peak_memory(),
    )


def _peak_memory() -> int:
    """The most memory this program has held, in bytes.

    Linux's VmHWM begins anew with the program; ru_maxrss also holds that of the process which started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found.group(1)) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
