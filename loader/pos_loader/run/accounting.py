"""Accounting for every row of every mart: nested, in buckets, of the unknown member, left out, or rejected.

Different places count the parts. MariaDB counts the rows of the mart and of the unknown member, the nesting
counts rows nested and left out, and rejected rows are counted in the refused documents. So a row that is lost
on the way shows here, with its model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pos_loader.collection import Collection, Level
from pos_loader.errors import DataError
from pos_loader.load_results import LevelCount
from pos_loader.run.survey import Work
from pos_loader.run.tally import Tally
from pos_loader.verify.first_difference import decoded


def levels(work: Work, tally: Tally) -> tuple[LevelCount, ...]:
    """Count the rows of every level of a collection, the root first.

    When only a part of the collection is loaded (`--retry-rejects`), `rows` are the rows read.
    """
    rejected = _rejected(work.collection, tally)
    return tuple(_level(work, tally, level, rejected[level.path]) for level in work.collection.root.walk())


def _level(work: Work, tally: Tally, level: Level, rejected: int) -> LevelCount:
    read, elsewhere = tally.read[level.path], tally.elsewhere[level.path]
    total, unknown = (read, 0) if work.is_partial else work.totals.get(level.path, (read, 0))
    if (
        work.collection.buckets and not work.is_partial
    ):  # buckets do not read arrays that fit into their document
        elsewhere += total - unknown - work.rows[level.path]
    return LevelCount(
        path=level.path,
        model=level.model,
        node=level.node,
        rows=total,
        nested=tally.rows[level.path] - rejected,
        elsewhere=elsewhere,
        unknown=unknown,
        left_out=tally.left_out[level.path],
        rejected=rejected,
    )


def require_complete(collection: Collection, counts: Sequence[LevelCount]) -> None:
    """Require that the parts of every level add up; raise `DataError` that names the model otherwise."""
    for level in counts:
        if level.rows != level.accounted or level.nested < 0:
            raise DataError(
                f"model {level.model} has {level.rows:,} rows, and {level.accounted:,} are accounted for: "
                f"{level.nested:,} nested, {level.elsewhere:,} elsewhere"
                f"{level.not_nested and ', '}{level.not_nested}",
                where=f"collection {collection.name}, level {level.path or 'of the documents'}",
                fix="run again, and report it if it stays",
            )


def require_same_items(
    counted: Mapping[str, Sequence[LevelCount]], collections: Iterable[Collection]
) -> None:
    """Require that buckets hold the rows that their documents leave to them.

    `counted` has the levels of each collection, by name. Raises `DataError` that names the buckets.
    """
    for collection in collections:
        if collection.buckets is None or not {collection.name, collection.exposure} <= counted.keys():
            continue
        documents = {level.path: level for level in counted[collection.exposure]}
        for level in counted[collection.name]:
            left, taken = documents[level.path].elsewhere, level.nested + level.left_out + level.rejected
            if left != taken:
                raise DataError(
                    f"{taken:,} rows of model {level.model} are in the buckets {collection.name}, "
                    f"and {left:,} belong there",
                    where=f"level {level.path}",
                    fix="run again, and report it if it stays",
                )


def _rejected(collection: Collection, tally: Tally) -> Counter[str]:
    """Count the rows in the documents that MongoDB refused, by path of the level."""
    found: Counter[str] = Counter()
    for reject in tally.rejects:
        document = decoded(reject.document)
        if collection.buckets is None:
            found[collection.root.path] += 1
        for child in collection.document.children:
            _count(child, document, found)
    return found


def _count(level: Level, parent: Mapping[str, Any], found: Counter[str]) -> None:
    items = parent.get(level.name) or []
    found[level.path] += len(items)
    for item in items:
        for child in level.children:
            _count(child, item, found)
