"""The steps of one collection, run on each of its partitions, several at once in a pool."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial

import numpy as np
import tenacity

from pos_loader import stopping
from pos_loader.collection import Collection, Documents, Partition, Reject
from pos_loader.documents import extract
from pos_loader.documents.nest import nest
from pos_loader.errors import PartialLoad, TableReplaced
from pos_loader.publish import rejects
from pos_loader.publish.insert import Refused
from pos_loader.publish.insert import insert as insert_documents
from pos_loader.publish.sync import changes
from pos_loader.run import memory
from pos_loader.run.job import Job
from pos_loader.run.survey import Work
from pos_loader.run.tally import EXAMPLES, LARGEST, Compared, Rebuilt, Tally
from pos_loader.servers import mongo, mongo_client
from pos_loader.servers.profile import MariaDB
from pos_loader.verify import every_byte
from pos_loader.verify.every_byte import Comparison
from pos_loader.verify.figures import reconcile

Step = Callable[[mongo.Handle, Documents, Partition, Tally], None]
"""What is done with the encoded documents of a partition; it reports in the tally."""


def compare(handle: mongo.Handle, documents: Documents, partition: Partition, tally: Tally) -> None:
    """Compare a partition with MongoDB."""
    _compared(handle, documents, partition, tally)


def measure(*_: object) -> None:
    """Do nothing: the documents are only encoded."""


def insert(handle: mongo.Handle, documents: Documents, partition: Partition, tally: Tally) -> None:
    """Insert a partition, read it back and compare."""
    _write(handle, documents, tally)
    _compared(handle, documents, partition, tally)


def resume(handle: mongo.Handle, documents: Documents, partition: Partition, tally: Tally) -> None:
    """Insert what an interrupted load or a lost worker did not write; then do as `insert` does."""
    with tally.timed("verify"):
        found = every_byte.compare(handle, documents, partition, limit=EXAMPLES)
    _write(handle, documents.take(found.missing), tally, again=True)
    _compared(handle, documents, partition, tally)


def gather(handle: mongo.Handle, documents: Documents, partition: Partition, tally: Tally) -> None:
    """Compare a partition and keep what a sync has to write."""
    tally.changes = changes(documents, _compared(handle, documents, partition, tally))


def beside(live: str, step: Step) -> Step:
    """Return `step` followed by a comparison of the keys with those of the collection `live`.

    An empty `live` means that there is none; then every document is new.
    """
    return partial(_beside, live, step)


def _beside(
    live: str, step: Step, handle: mongo.Handle, documents: Documents, partition: Partition, tally: Tally
) -> None:
    step(handle, documents, partition, tally)
    if not live:
        tally.rebuilt = Rebuilt(new=len(documents) - len(tally.rejects))
        return
    if tally.rejects:
        refused = {repr(reject.id) for reject in tally.rejects}
        keys = enumerate(documents.keys.to_pylist())
        documents = documents.take([position for position, key in keys if repr(key) not in refused])
    with tally.timed("verify"):
        found = every_byte.compare_ids(handle.database[live], documents, partition)
    known = found.same + len(found.changed)
    tally.rebuilt = Rebuilt(new=len(found.missing), known=known, gone=len(found.extra))


def _write(handle: mongo.Handle, documents: Documents, tally: Tally, *, again: bool = False) -> None:
    with tally.timed("write"):
        refused = insert_documents(handle, documents, again=again)
    tally.rejects = [reject(handle.name, documents, document) for document in refused]


def _compared(handle: mongo.Handle, documents: Documents, partition: Partition, tally: Tally) -> Comparison:
    with tally.timed("verify"):
        comparison = every_byte.compare(handle, documents, partition, limit=EXAMPLES)
    tally.compared = Compared(
        comparison.same, len(comparison.missing), len(comparison.changed), len(comparison.extra)
    )
    tally.examples = list(comparison.differences)
    return comparison


def reject(collection: str, documents: Documents, refused: Refused) -> Reject:
    """Name a refused document by its key."""
    key = documents.keys[refused.position].as_py()
    return Reject(collection, key, refused.code, refused.reason, documents.document(refused.position))


def reconciled(job: Job, work: Work, handle: mongo.Handle, tally: Tally) -> Tally:
    """Add the figures of the whole collection to the tally of its partitions."""
    with tally.timed("reconcile"):
        tally.figures = reconcile(job.server, handle, work.collection, workers=job.workers)
    if not work.partitions:
        tally.documents = int(tally.figures[0].mongodb)
    return tally


def run(job: Job, work: Work, handle: mongo.Handle, step: Step) -> Tally:
    """Extract, nest and encode every partition and do `step` with it, in `job.pool`.

    The first error cancels the partitions that have not begun, and so do more rejects than anyone reads.
    Raises `PartialLoad` where the rows read are not those counted: a mart was changed meanwhile.
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


def _reopened(address: mongo_client.Address, database: str, collection: str) -> mongo.Handle:
    """Open the collection in a worker's process."""
    memory.keep_pages()
    return mongo_client.reopened(address, database, collection)


def _partition(
    server: MariaDB,
    collection: Collection,
    opened: Callable[[], mongo.Handle],
    step: Step,
    partition: Partition,
) -> Tally:
    """Do one partition's task. It depends on its arguments only, so a worker may do it a second time."""
    stopping.check()
    memory.kept_pages.release()
    tally = Tally()
    handle = opened()
    with tally.timed("extract"):
        tables = _reading(lambda: extract.extract(server, collection, partition))
    stopping.check()
    with tally.timed("encode"):
        documents = nest(collection, tables)
    del tables
    tally.documents, tally.bytes = len(documents), documents.nbytes
    tally.rows.update(documents.rows)
    tally.left_out.update(documents.left_out)
    tally.elsewhere.update(documents.elsewhere)
    tally.coerced.update(documents.coerced)
    sizes = np.diff(np.asarray(documents.offsets)) if len(documents) else np.zeros(0, np.int32)
    stopping.check()
    largest = np.argsort(sizes)[: -LARGEST - 1 : -1]
    tally.largest = [(int(sizes[position]), documents.keys[int(position)].as_py()) for position in largest]
    step(handle, documents, partition, tally)
    return tally


_reading = tenacity.Retrying(
    retry=tenacity.retry_if_exception_type(TableReplaced),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
    stop=tenacity.stop_after_attempt(5),
    reraise=True,
)
