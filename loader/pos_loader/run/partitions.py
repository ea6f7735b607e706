"""One collection's work: surveyed in MariaDB first, then done partition by partition, several at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter

import numpy as np
import tenacity

from pos_loader.collection import Collection, Difference, Documents, Figure, Key, Partition, Reject
from pos_loader.documents import cuts, extract, marts, sizes
from pos_loader.documents.nest import nest
from pos_loader.errors import PartialLoad, SpecError, TableReplaced, after_failed_build
from pos_loader.publish import rejects
from pos_loader.publish.insert import Refused
from pos_loader.publish.insert import insert as insert_documents
from pos_loader.publish.sync import Changes, changes
from pos_loader.run import memory
from pos_loader.run.faults import Faults
from pos_loader.run.job import Job
from pos_loader.servers import mariadb, mongo
from pos_loader.servers.profile import MariaDB
from pos_loader.verify import every_byte
from pos_loader.verify.figures import reconcile
from pos_loader.verify.kept_rows import count_rows

EXAMPLES = 10
LARGEST = 5


@dataclass(frozen=True)
class Work:
    """One collection, surveyed: its partitions and what they must add up to."""

    collection: Collection
    partitions: tuple[Partition, ...]
    rows: dict[str, int]
    split_points: list[tuple[object, ...]]
    is_partial: bool = False
    """Only some keys are worked on, so the rows read are fewer than those counted."""
    totals: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By path of a level, its mart's rows, and those of them that belong to the unknown member."""


@dataclass
class Tally:
    """What partitions found and did, added up."""

    documents: int = 0
    bytes: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    coerced: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    same: int = 0
    missing: int = 0
    changed: int = 0
    extra: int = 0
    new: int = 0
    known: int = 0
    gone: int = 0
    """Of a full refresh: documents whose `_id` is not live yet, or is; and live ones that are not built."""
    examples: list[Difference] = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)
    rejects: list[Reject] = field(default_factory=list)
    largest: list[tuple[int, Key]] = field(default_factory=list)
    """The largest documents: bytes and key, largest first."""
    figures: tuple[Figure, ...] = ()
    """Those of the whole collection, once it is reconciled."""

    @property
    def read(self) -> Counter[str]:
        """The rows read, by path of the level."""
        return self.rows + self.left_out + self.elsewhere

    @property
    def differences(self) -> int:
        """Documents that are not as MariaDB has them."""
        return self.missing + self.changed + self.extra

    @property
    def live(self) -> int:
        """Documents MongoDB holds."""
        return self.same + self.changed + self.extra

    def counts(self, *, is_sync: bool) -> tuple[int, int, int, int]:
        """Documents inserted, replaced, deleted and unchanged, as a sync or a full refresh counts them."""
        if is_sync:
            return self.missing, self.changed, self.extra, self.same
        return self.new, self.known, self.gone, 0

    def add(self, other: Tally) -> None:
        """Take over another partition's result."""
        for name in ("documents", "bytes", "same", "missing", "changed", "extra", "new", "known", "gone"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rows.update(other.rows)
        self.left_out.update(other.left_out)
        self.elsewhere.update(other.elsewhere)
        self.coerced.update(other.coerced)
        self.seconds.update(other.seconds)
        self.examples += other.examples[: EXAMPLES - len(self.examples)]
        self.changes.add(other.changes)
        self.rejects += other.rejects
        self.largest = sorted([*self.largest, *other.largest], reverse=True, key=itemgetter(0))[:LARGEST]

    def compared(self, comparison: every_byte.Comparison) -> None:
        """Note one comparison."""
        self.same, self.missing = comparison.same, len(comparison.missing)
        self.changed, self.extra = len(comparison.changed), len(comparison.extra)
        self.examples = list(comparison.differences)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start  # type: ignore[assignment]


Step = Callable[[mongo.Handle, Documents, Partition, Tally], None]
"""What is done with the encoded documents of a partition."""


def compare(handle: mongo.Handle, documents: Documents, partition: Partition, tally: Tally) -> None:
    """Compare a partition with MongoDB."""
    with tally.timed("verify"):
        tally.compared(every_byte.compare(handle, documents, partition, limit=EXAMPLES))


def measure(_: mongo.Handle, documents: Documents, __: Partition, tally: Tally) -> None:
    """Only encode: every document would be new."""
    tally.missing = len(documents)


def insert(handle: mongo.Handle, documents: Documents, partition: Partition, tally: Tally) -> None:
    """Insert a partition, read it back and compare; documents refused are rejects, not differences."""
    _write(handle, documents, tally)
    compare(handle, documents, partition, tally)
    tally.missing -= len(tally.rejects)


def resume(handle: mongo.Handle, documents: Documents, partition: Partition, tally: Tally) -> None:
    """Insert what an interrupted load, or a lost worker, has not, then as `insert`."""
    with tally.timed("verify"):
        there = every_byte.compare(handle, documents, partition, limit=EXAMPLES)
    _write(handle, documents.take(there.missing), tally, again=True)
    compare(handle, documents, partition, tally)
    tally.missing -= len(tally.rejects)


def beside(live: str, step: Step) -> Step:
    """Do `step`, and compare the keys of what it leaves with those of the collection `live`, if one is named.

    Without one, every document is new.
    """
    return partial(_beside, live, step)


def _beside(
    live: str, step: Step, handle: mongo.Handle, documents: Documents, partition: Partition, tally: Tally
) -> None:
    step(handle, documents, partition, tally)
    if not live:
        tally.new = len(documents) - len(tally.rejects)
        return
    if tally.rejects:
        refused = {repr(each.id) for each in tally.rejects}
        keys = enumerate(documents.keys.to_pylist())
        documents = documents.take([place for place, key in keys if repr(key) not in refused])
    with tally.timed("verify"):
        found = every_byte.compare_ids(handle.database[live], documents, partition)
    tally.new, tally.gone = len(found.missing), len(found.extra)
    tally.known = found.same + len(found.changed)


def _write(handle: mongo.Handle, documents: Documents, tally: Tally, *, again: bool = False) -> None:
    with tally.timed("write"):
        refused = insert_documents(handle, documents, again=again)
    tally.rejects = [reject(handle.name, documents, each) for each in refused]


def reject(collection: str, documents: Documents, refused: Refused) -> Reject:
    """Name a refused document by its key."""
    key = documents.keys[refused.position].as_py()
    return Reject(collection, key, refused.code, refused.reason, documents.document(refused.position))


def gather(handle: mongo.Handle, documents: Documents, partition: Partition, tally: Tally) -> None:
    """Compare a partition and keep what a sync would write."""
    with tally.timed("verify"):
        comparison = every_byte.compare(handle, documents, partition, limit=EXAMPLES)
    tally.compared(comparison)
    tally.changes = changes(documents, comparison)


def survey(job: Job, collections: Sequence[Collection], faults: Faults | None = None) -> list[Work]:
    """Look at every mart before anything is written.

    A collection whose marts are other than declared, or empty, or make arrays or documents that are too
    large, is in `faults` and not in the result; without `faults` its `SpecError` or `DataError` is raised.
    """
    return _looked_at(job, collections, faults, partial(_surveyed, job))


def look(job: Job, collections: Sequence[Collection], faults: Faults | None = None) -> list[Work]:
    """Look at the marts' shape only, for work without partitions; `faults` as in `survey`."""

    def shape(queries: mariadb.Queries, collection: Collection) -> Work:
        marts.check_marts(queries, collection)
        return Work(collection, (), {}, [])

    return _looked_at(job, collections, faults, shape)


def _looked_at(
    job: Job,
    collections: Sequence[Collection],
    faults: Faults | None,
    step: Callable[[mariadb.Queries, Collection], Work],
) -> list[Work]:
    found = []
    with mariadb.connect(job.server) as queries:
        for collection in collections:
            with faults.of(collection) if faults is not None else nullcontext():
                try:
                    found.append(step(queries, collection))
                except SpecError as error:
                    raise after_failed_build(error, job.failed_build) from None
    return found


def _surveyed(job: Job, queries: mariadb.Queries, collection: Collection) -> Work:
    marts.check_marts(queries, collection)
    cut = cuts.cut(
        queries,
        collection,
        rows=job.partition_rows,
        weights=sizes.widths(collection),
        limit=sizes.allowance(collection),
        workers=job.workers,
    )
    totals = {level.path: count_rows(queries, collection, level) for level in collection.root.walk()}
    if not (job.options.allow_empty or collection.allow_empty):
        marts.require_rows(cut.rows, totals, collection)
    marts.require_small_arrays(queries, collection)
    warning = sizes.check(queries, collection, within=cut.heavy, allowed=job.options.max_rejects)
    if warning:
        job.progress.note(warning, collection=collection.name)
    points = _split_points(job, queries, collection)
    return Work(collection, cut.partitions, cut.rows, points, totals=totals)


def reconciled(job: Job, work: Work, handle: mongo.Handle, tally: Tally) -> Tally:
    """Take the figures of a whole collection, beside what its partitions gave."""
    with tally.timed("reconcile"):
        tally.figures = reconcile(job.server, handle, work.collection, workers=job.workers)
    if not work.partitions:
        tally.documents = int(tally.figures[0].mongodb)
    return tally


def _split_points(job: Job, queries: mariadb.Queries, collection: Collection) -> list[tuple[object, ...]]:
    """Cut a ranged shard key by the data; a hashed one is pre-split by MongoDB."""
    key = collection.shard_key
    if not job.topology.is_cluster or not key or key[0][1] == "hashed":
        return []
    chunks = collection.chunks or 2 * max(1, len(job.topology.shards))
    return cuts.split_points(queries, collection, chunks=chunks)


def run(job: Job, work: Work, handle: mongo.Handle, step: Step) -> Tally:
    """Extract, nest and encode every partition and do `step` with it, in `job.pool`.

    The first error cancels what has not begun, and so do more rejects than anyone would look at. Raises
    `PartialLoad` where the rows read are not those counted: a mart was changed meanwhile.
    """
    total = Tally()
    name = work.collection.name
    job.progress.start(name, rows=sum(work.rows.values()))
    opened = (
        partial(_reopened, job.address, handle.database.name, handle.name)
        if job.pool.is_remote
        else lambda: handle
    )
    task = partial(_partition, job.server, work.collection, opened, step)
    with closing(job.pool.completed(task, work.partitions)) as tallies:
        for tally in tallies:
            total.add(tally)
            job.progress.advance(name, rows=tally.read.total())
            if len(total.rejects) > max(rejects.ENOUGH, job.options.max_rejects):
                return total
    for level in work.collection.root.walk():
        counted, read = work.rows.get(level.path, 0), total.read[level.path]
        if read != counted and not work.is_partial:
            raise PartialLoad(
                f"model {level.model} had {counted} rows at the start and {read} when read",
                where=f"collection {name}",
                fix="nothing was published; do not build during a load, and run again",
            )
    return total


def _reopened(address: mongo.Address, database: str, collection: str) -> mongo.Handle:
    """The collection, in a worker's program."""
    memory.keep_pages()
    return mongo.reopened(address, database, collection)


def _partition(
    server: MariaDB,
    collection: Collection,
    opened: Callable[[], mongo.Handle],
    step: Step,
    partition: Partition,
) -> Tally:
    """One partition's task: all that it needs is given, and it may be done twice."""
    memory.kept_pages.release()
    tally = Tally()
    handle = opened()
    with tally.timed("extract"):
        tables = _reading(lambda: extract.extract(server, collection, partition))
    with tally.timed("encode"):
        documents = nest(collection, tables)
    del tables
    tally.documents, tally.bytes = len(documents), documents.nbytes
    tally.rows.update(documents.rows)
    tally.left_out.update(documents.left_out)
    tally.elsewhere.update(documents.elsewhere)
    tally.coerced.update(documents.coerced)
    sizes = np.diff(np.asarray(documents.offsets)) if len(documents) else np.zeros(0, np.int32)
    largest = np.argsort(sizes)[: -LARGEST - 1 : -1]
    tally.largest = [(int(sizes[place]), documents.keys[int(place)].as_py()) for place in largest]
    step(handle, documents, partition, tally)
    return tally


_reading = tenacity.Retrying(
    retry=tenacity.retry_if_exception_type(TableReplaced),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
    stop=tenacity.stop_after_attempt(5),
    reraise=True,
)
