"""The survey looks at each collection's marts before anything is written.

Its result is the work: the collection's partitions, and the row counts that they must add up to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

from pos_loader.collection import Collection, Partition
from pos_loader.documents import cuts, marts, sizes
from pos_loader.errors import SpecError, after_failed_build
from pos_loader.run.faults import Faults
from pos_loader.run.job import Job
from pos_loader.servers import mariadb
from pos_loader.verify.kept_rows import count_rows


@dataclass(frozen=True)
class Work:
    """One collection, surveyed: its partitions, and the rows counted by path of the level."""

    collection: Collection
    partitions: tuple[Partition, ...]
    rows: dict[str, int]
    split_points: list[tuple[object, ...]]
    is_partial: bool = False
    """Only some keys are loaded, so the rows read are fewer than those counted."""
    totals: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By path of the level: the rows of its mart, and how many of them belong to the unknown member."""


def survey(job: Job, collections: Sequence[Collection], faults: Faults | None = None) -> list[Work]:
    """Check every mart, cut it into partitions, and count its rows.

    A collection fails here when a mart is not as declared, is empty, or makes arrays or documents that are
    too large. Then it is in `faults` and not in the result; without `faults`, its `SpecError` or `DataError`
    is raised.
    """
    return _looked_at(job, collections, faults, partial(_surveyed, job))


def look(job: Job, collections: Sequence[Collection], faults: Faults | None = None) -> list[Work]:
    """Check only the marts' columns, for work without partitions; `faults` works as in `survey`."""

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


def _split_points(job: Job, queries: mariadb.Queries, collection: Collection) -> list[tuple[object, ...]]:
    """Split a ranged shard key by the data; MongoDB itself pre-splits a hashed one."""
    key = collection.shard_key
    if not job.topology.is_cluster or not key or key[0][1] == "hashed":
        return []
    chunks = collection.chunks or 2 * max(1, len(job.topology.shards))
    return cuts.split_points(queries, collection, chunks=chunks)
