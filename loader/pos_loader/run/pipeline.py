"""The pipeline is the order of steps of each command: of `load`, of `verify` (here `check`), of `plan`.

A load asks the gate, takes the leases, surveys, stages and verifies everything, and checks once more that no
other build has begun. Only then it shows the first collection to readers, each in one step. A collection that
fails stays as it was, with its group; the others are published.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from pos_loader.collection import Collection, Key
from pos_loader.dbt import gate
from pos_loader.errors import ConnectionFailed, NodeLost, PartialLoad
from pos_loader.load_results import FAILED, REFUSED, CollectionOutcome, Outcome
from pos_loader.publish import live_layout, rejects
from pos_loader.publish.lease import Lease, Owner, lease
from pos_loader.run import accounting, ownership, plan
from pos_loader.run.faults import Faults, require_whole_groups
from pos_loader.run.job import Job
from pos_loader.run.outcomes import checked_outcome, conclude, failed_outcome, refused_outcome, staged_outcome
from pos_loader.run.partitions import compare, reconciled, run
from pos_loader.run.plan import Plan
from pos_loader.run.showing import show
from pos_loader.run.staging import Staged, discard, discarded_on_error, stage
from pos_loader.run.survey import Work, look, survey
from pos_loader.run.tally import Tally
from pos_loader.servers import mariadb, mongo, nodes, privileges

RESTARTS = 2
"""How often a load begins again because its server of MariaDB is lost."""


def load(job: Job, done: list[CollectionOutcome]) -> Outcome:
    """Publish the job's collections that pass the gate; one that fails is in the outcome with its error.

    The outcomes of refused, failed and shown collections are added to `done`, so that the caller has them
    when the run ends early. Raises `LoaderError` for what stops the whole run: a connection, another build, a
    lease. Even then, each published collection is as it was before or as MariaDB has it.

    A load stays on one server of MariaDB. If a balancer does not lead there any more, or a Galera node is
    lost, before anything is shown, the load begins again on another one; otherwise it raises `NodeLost`.
    """
    if not job.topology.is_cluster:
        job.progress.note("MongoDB is no sharded cluster: collections are published unsharded")
    _note_privileges(job)
    settled = _settled(job)
    for _ in range(RESTARTS):
        try:
            return _load(settled, done)
        except NodeLost as error:
            settled = _settled_again(job, done, error)
    return _load(settled, done)


def _load(job: Job, done: list[CollectionOutcome]) -> Outcome:
    require_whole_groups(job.collections, job.declared)
    ownership.require_known(job)
    verdicts = _gate(job)
    faults = Faults({name: verdict.refused for name, verdict in verdicts.items() if verdict.refused})
    if job.results is not None:
        job = replace(job, server=replace(job.server, build=job.invocation))
    passed = [collection for collection in job.collections if collection not in faults]
    refused = [collection for collection in job.collections if collection in faults]
    done += [refused_outcome(collection, verdicts[collection.name]) for collection in refused]
    with _leases(job, passed) as held:
        staged: list[Staged] = []
        shown: list[Staged] = []

        def look_again() -> None:
            _require_same_build(job, passed)
            for holder in held:
                holder.require()

        try:
            with discarded_on_error(staged):
                staged += _staged(job, passed, faults)
                look_again()
                shown.extend(show(job, staged, faults, look_again=look_again))
        finally:
            done += [
                staged_outcome(job, publication, verdicts[publication.work.collection.name])
                for publication in shown
            ]
            failed = [collection for collection in job.collections if collection.name in faults.errors]
            done += [failed_outcome(collection, faults) for collection in failed]
    return conclude(job, "load", done, faults=faults)


def _staged(job: Job, collections: Sequence[Collection], faults: Faults) -> list[Staged]:
    """Survey and stage; a collection that fails is in `faults` with its group, and discarded."""
    works = _work(job, collections, faults)
    faults.hold_back(job.collections)
    staged: list[Staged] = []
    for work in works:
        if work.collection not in faults:
            with faults.of(work.collection):
                staged.append(stage(job, work))
                counts = accounting.levels(work, staged[-1].tally)
                accounting.require_complete(work.collection, counts)
    _require_same_items(staged, faults)
    faults.hold_back(job.collections)
    for publication in staged:
        if publication.work.collection in faults:
            discard(publication)
    return [publication for publication in staged if publication.work.collection not in faults]


def _require_same_items(staged: Sequence[Staged], faults: Faults) -> None:
    """Compare the rows in the buckets of each exposure with those in its documents."""
    whole = [publication for publication in staged if not publication.work.is_partial]
    counted = {
        publication.work.collection.name: accounting.levels(publication.work, publication.tally)
        for publication in whole
    }
    for publication in whole:
        with faults.of(publication.work.collection):
            accounting.require_same_items(counted, [publication.work.collection])


def _note_privileges(job: Job) -> None:
    """Note what the MongoDB user may not do. It is no error: a role may grant it on single collections."""
    for database in sorted({collection.database for collection in job.collections}):
        is_sharded = job.topology.is_cluster and any(
            collection.shard_key for collection in job.collections if collection.database == database
        )
        missing = privileges.missing_actions(job.client, database, sharded=is_sharded)
        if missing:
            job.progress.note(f"the MongoDB user has no role that grants {', '.join(missing)} on {database}")


def _work(job: Job, collections: Sequence[Collection], faults: Faults) -> list[Work]:
    """Survey the collections; with `--retry-rejects`, keep only the documents refused before."""
    surveyed = survey(job, collections, faults)
    if not job.options.retry_rejects:
        return surveyed
    narrowed = []
    for work in surveyed:
        keys: tuple[Key, ...] = ()
        with faults.of(work.collection):
            keys = rejects.keys(job.folder, work.collection)
        if keys:
            narrowed.append(replace(work, partitions=rejects.partitions(keys), is_partial=True))
    if not narrowed and not faults.errors:
        job.progress.note("no rejects to retry")
    return narrowed


def check(job: Job, *, quick: bool = False) -> Outcome:
    """Compare the published collections with the marts; `quick` compares their figures only.

    Nothing is changed. A collection that cannot be compared is in the outcome with its error. Raises as
    `load` does.
    """
    if job.failed_build:
        job.progress.note(f"{job.failed_build}; the marts may be of several builds")
    job = _settled(job)
    done, faults = [], Faults()
    for work in (look if quick else survey)(job, job.collections, faults):
        with faults.of(work.collection):
            handle = job.live(work.collection)
            if live_layout.describe(handle) is None:
                mongo.require_published(handle.database, handle.name)
            tally = Tally() if quick else run(job, work, handle, compare)
            done.append(checked_outcome(job, work, reconciled(job, work, handle, tally)))
    done += [failed_outcome(collection, faults) for collection in job.collections if collection in faults]
    return conclude(job, "verify", done, faults=faults)


def preview(job: Job) -> Plan:
    """Say what `load` would do; nothing is written."""
    ownership.require_known(job)
    job = _settled(job)
    refused = {name: verdict.refused for name, verdict in _gate(job).items() if verdict.refused}
    return plan.preview(job, refused=refused)


def _settled(job: Job) -> Job:
    """Choose the server of MariaDB that the whole run stays on."""
    with mariadb.connect(job.server) as queries:
        return replace(job, server=queries.server)


def _settled_again(job: Job, done: list[CollectionOutcome], error: NodeLost) -> Job:
    """Choose another node for a load that lost its node; raise the error where that does not help."""
    is_any_shown = any(outcome.mode not in (FAILED, REFUSED) for outcome in done)
    if is_any_shown:
        raise error
    try:
        settled = _settled(job)
    except ConnectionFailed:
        raise error from None
    done.clear()
    warning = f"{error.what}; the load began again on {nodes.described(settled.server)}"
    job.warnings.append(warning)
    job.progress.note(f"WARNING: {warning}")
    return settled


def _gate(job: Job) -> dict[str, gate.Verdict]:
    """Judge every collection by name; without the gate, warn of what is not checked."""
    if job.results is None:
        job.progress.note(
            "WARNING: --no-gate: not checked that dbt built and tested these marts, nor that no build runs"
        )
        return {collection.name: gate.Verdict(collection.name, "", ()) for collection in job.collections}
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
    return {verdict.collection: verdict for verdict in verdicts}


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
    """Hold the leases of all collections, one lease per database."""
    owner = Owner(job.load_id)
    with ExitStack() as stack:
        held = []
        for database in sorted({collection.database for collection in collections}):
            names = [collection.collection for collection in collections if collection.database == database]
            holder = lease(job.client[database], names, owner, wait=job.options.wait)
            held.append(stack.enter_context(holder))
        yield held
