"""The load in one place: spec, extract, nest and encode, write, verify, publish.

A full refresh fills a build collection, partition by partition, each read back and compared byte for byte
with what MariaDB holds; only when all selected collections verify is the first one renamed over its target.
Readers see the old or the new collection, nothing between.
"""

from __future__ import annotations

import resource
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import tenacity

from loader import extract, layout, mariadb, mongo, publish, schema, verify, write
from loader.collection import Collection, Difference, Partition
from loader.errors import DataError, LoaderError, PartialLoad, TableReplaced
from loader.nest import nest
from loader.outcome import CollectionOutcome, Outcome, ShardShare
from loader.profile import MariaDB

EXAMPLES = 10


class Progress(Protocol):
    """What the pipeline tells whoever watches; the only way out for anything to be shown."""

    def note(self, text: str) -> None:
        """Say one thing the user should know."""

    def start(self, name: str, *, rows: int) -> None:
        """Begin a collection of so many mart rows."""

    def advance(self, name: str, *, rows: int) -> None:
        """Finish so many rows of a collection."""


@dataclass(frozen=True)
class Job:
    """What one run works with."""

    collections: tuple[Collection, ...]
    server: MariaDB
    client: mongo.Client
    topology: mongo.Topology
    progress: Progress
    invocation: str
    partition_rows: int
    workers: int
    allow_empty: bool = False
    started: float = field(default_factory=time.monotonic)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    load_id: str = field(default_factory=lambda: f"{int(time.time()):08x}{secrets.token_hex(4)}")


@dataclass(frozen=True)
class _Plan:
    """One collection, ready to run: its partitions and what they must add up to."""

    collection: Collection
    partitions: tuple[Partition, ...]
    rows: dict[str, int]
    split_points: list[tuple[object, ...]]


@dataclass
class _Tally:
    """The sum of the partitions' results."""

    documents: int = 0
    bytes: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    differences: int = 0
    examples: list[Difference] = field(default_factory=list)

    def add(self, other: _Tally) -> None:
        self.documents += other.documents
        self.bytes += other.bytes
        self.rows.update(other.rows)
        self.seconds.update(other.seconds)
        self.differences += other.differences
        self.examples += other.examples[: EXAMPLES - len(self.examples)]


def load(job: Job) -> Outcome:
    """Publish the job's collections by full refresh.

    Raises `LoaderError`; whatever is raised, no published collection has changed unless all were verified.
    """
    plans = _plan(job)
    builds: dict[str, str] = {}
    done = []
    try:
        for plan in plans:
            build = publish.build_name(plan.collection.collection, job.load_id)
            builds[plan.collection.name] = build
            done.append(_build(job, plan, build))
        for plan in plans:
            target = plan.collection
            publish.rename(job.client, target.database, builds[target.name], target.collection)
    except BaseException:
        for plan in plans[: len(builds)]:
            with suppress(LoaderError):
                publish.drop(job.client[plan.collection.database], builds[plan.collection.name])
        raise
    return _outcome(job, "load", done)


def check(job: Job) -> Outcome:
    """Compare the published collections with the marts, byte for byte, changing nothing."""
    done = []
    for plan in _plan(job):
        collection = plan.collection
        database = job.client[collection.database]
        if collection.collection not in database.list_collection_names():
            raise DataError(
                f"collection {collection.database}.{collection.collection} is not published",
                where=f"MongoDB at {mongo.hosts(job.client)}",
                fix="run pos-loader load",
            )
        tally = _run(job, plan, collection.collection, insert=False)
        done.append(_collection_outcome(job, plan, tally, collection.collection))
    return _outcome(job, "verify", done)


def _plan(job: Job) -> list[_Plan]:
    """Look at every mart before anything is written."""
    if not job.topology.is_cluster:
        job.progress.note("MongoDB is no sharded cluster: collections are published unsharded")
    plans = []
    with mariadb.connect(job.server) as queries:
        for collection in job.collections:
            schema.check(collection)
            extract.check_marts(queries, collection)
            rows = extract.count_rows(queries, collection)
            if not job.allow_empty:
                extract.require_rows(rows, collection)
            extract.require_small_arrays(queries, collection)
            partitions = extract.cut(queries, collection, rows=job.partition_rows)
            points = _split_points(job, queries, collection)
            plans.append(_Plan(collection, partitions, rows, points))
    return plans


def _split_points(job: Job, queries: mariadb.Queries, collection: Collection) -> list[tuple[object, ...]]:
    ranged = collection.shard_key and all(kind == 1 for _, kind in collection.shard_key)
    if not (ranged and job.topology.is_cluster):
        return []
    chunks = collection.chunks or 2 * max(1, len(job.topology.shards))
    return extract.split_points(queries, collection, chunks=chunks)


def _build(job: Job, plan: _Plan, build: str) -> CollectionOutcome:
    """Fill and verify one build collection; raises `DataError` where it does not verify."""
    collection = plan.collection
    database = job.client[collection.database]
    publish.drop_strays(database, collection.collection)
    layout.create(job.client, collection, build, topology=job.topology, split_points=plan.split_points)
    tally = _run(job, plan, build, insert=True)
    if tally.differences:
        first = tally.examples[0]
        raise DataError(
            f"{tally.differences} documents of {collection.name} do not verify",
            where=f"first {first.kind} _id {first.id!r} {first.path}".strip(),
            fix="nothing was published; run again, and report it if it stays",
        )
    if dict(tally.rows) != plan.rows:
        model = next(name for name in plan.rows if tally.rows[name] != plan.rows[name])
        raise PartialLoad(
            f"model {model} had {plan.rows[model]} rows at the start and {tally.rows[model]} when read",
            where=f"collection {collection.name}",
            fix="nothing was published; do not build during a load, and run again",
        )
    return _collection_outcome(job, plan, tally, build)


def _run(job: Job, plan: _Plan, name: str, *, insert: bool) -> _Tally:
    """Work through the partitions, `workers` at once; the first error cancels what has not begun."""
    handle = job.client[plan.collection.database][name]
    total = _Tally()
    job.progress.start(plan.collection.name, rows=sum(plan.rows.values()))
    with ThreadPoolExecutor(job.workers, thread_name_prefix="partition") as pool:
        futures: list[Future[_Tally]] = [
            pool.submit(_partition, job.server, plan.collection, each, handle, insert=insert)
            for each in plan.partitions
        ]
        try:
            for future in as_completed(futures):
                tally = future.result()
                total.add(tally)
                job.progress.advance(plan.collection.name, rows=sum(tally.rows.values()))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return total


def _partition(
    server: MariaDB, collection: Collection, partition: Partition, handle: mongo.Handle, *, insert: bool
) -> _Tally:
    """Read, nest and encode one partition; insert it if asked; read it back and compare."""
    tally = _Tally()
    with _timed(tally, "extract"):
        tables = _reading(lambda: extract.extract(server, collection, partition))
    with _timed(tally, "encode"):
        documents = nest(collection, tables)
    del tables
    tally.documents, tally.bytes = len(documents), documents.nbytes
    tally.rows.update(documents.rows)
    if insert:
        with _timed(tally, "write"):
            write.insert(handle, documents)
    with _timed(tally, "verify"):
        comparison = verify.compare(handle, documents, partition, limit=EXAMPLES)
    tally.differences = len(comparison.missing) + len(comparison.changed) + len(comparison.extra)
    tally.examples = list(comparison.differences)
    return tally


_reading = tenacity.Retrying(
    retry=tenacity.retry_if_exception_type(TableReplaced),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
    stop=tenacity.stop_after_attempt(5),
    reraise=True,
)


@contextmanager
def _timed(tally: _Tally, stage: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        tally.seconds[stage] += time.perf_counter() - start  # type: ignore[assignment]


def _collection_outcome(job: Job, plan: _Plan, tally: _Tally, name: str) -> CollectionOutcome:
    collection = plan.collection
    shares = layout.shares(job.client[collection.database][name])
    return CollectionOutcome(
        name=collection.name,
        namespace=f"{collection.database}.{collection.collection}",
        documents=tally.documents,
        bytes=tally.bytes,
        rows=dict(tally.rows),
        partitions=len(plan.partitions),
        seconds={stage: round(seconds, 3) for stage, seconds in tally.seconds.items()},
        differences=tally.differences,
        examples=tuple(tally.examples),
        shards={shard: ShardShare(share.documents, share.bytes) for shard, share in shares.items()},
    )


def _outcome(job: Job, command: str, done: Sequence[CollectionOutcome]) -> Outcome:
    return Outcome(
        command=command,
        load_id=job.load_id,
        started_at=job.started_at,
        seconds=round(time.monotonic() - job.started, 3),
        dbt_invocation=job.invocation,
        mariadb=job.server.address,
        mongodb=mongo.hosts(job.client),
        is_cluster=job.topology.is_cluster,
        collections=tuple(done),
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
