"""Counts that the partitions of one collection report, and their sum over the whole collection."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter

from pos_loader.collection import Difference, Figure, Key, Reject
from pos_loader.publish.sync import Changes

EXAMPLES = 10
"""Most differences that are kept as examples."""
LARGEST = 5
"""How many of the largest documents are kept."""


@dataclass(frozen=True)
class Counts:
    """Documents that a load writes, or would write; `unchanged` ones stay as they are."""

    inserted: int = 0
    replaced: int = 0
    deleted: int = 0
    unchanged: int = 0


@dataclass(frozen=True)
class Compared:
    """Documents of the marts against those in MongoDB, byte for byte.

    `missing` ones are only in the marts, `extra` ones only in MongoDB.
    """

    same: int = 0
    missing: int = 0
    changed: int = 0
    extra: int = 0

    @property
    def differences(self) -> int:
        """Count the documents that differ; 0 when MongoDB holds exactly what the marts say."""
        return self.missing + self.changed + self.extra

    @property
    def live(self) -> int:
        """Count the documents in MongoDB."""
        return self.same + self.changed + self.extra

    @property
    def counts(self) -> Counts:
        """Say what a sync writes."""
        return Counts(self.missing, self.changed, self.extra, self.same)

    def __add__(self, other: Compared) -> Compared:
        """Add up two partitions."""
        return Compared(
            self.same + other.same,
            self.missing + other.missing,
            self.changed + other.changed,
            self.extra + other.extra,
        )


@dataclass(frozen=True)
class Rebuilt:
    """Documents of a build against the live collection that it replaces, by `_id` only.

    `new` ones are only in the build, `known` ones in both, `gone` ones only in the live collection.
    """

    new: int = 0
    known: int = 0
    gone: int = 0

    @property
    def live(self) -> int:
        """Count the documents in the live collection."""
        return self.known + self.gone

    @property
    def counts(self) -> Counts:
        """Say what a full refresh writes."""
        return Counts(self.new, self.known, self.gone)

    def __add__(self, other: Rebuilt) -> Rebuilt:
        """Add up two partitions."""
        return Rebuilt(self.new + other.new, self.known + other.known, self.gone + other.gone)


@dataclass
class Tally:
    """What one partition reports, or all partitions together."""

    documents: int = 0
    bytes: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    coerced: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    """Seconds spent, by step."""
    compared: Compared = field(default_factory=Compared)
    """After an insert, the refused documents are among the missing ones."""
    rebuilt: Rebuilt = field(default_factory=Rebuilt)
    examples: list[Difference] = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)
    """What a sync has to write."""
    rejects: list[Reject] = field(default_factory=list)
    largest: list[tuple[int, Key]] = field(default_factory=list)
    """The largest documents: bytes and key, largest first."""
    figures: tuple[Figure, ...] = ()
    """The figures of the whole collection; empty until it is reconciled."""

    @property
    def read(self) -> Counter[str]:
        """Count the rows read, by path of the level."""
        return self.rows + self.left_out + self.elsewhere

    def add(self, other: Tally) -> None:
        """Add another partition's tally."""
        self.documents += other.documents
        self.bytes += other.bytes
        self.rows.update(other.rows)
        self.left_out.update(other.left_out)
        self.elsewhere.update(other.elsewhere)
        self.coerced.update(other.coerced)
        self.seconds.update(other.seconds)
        self.compared += other.compared
        self.rebuilt += other.rebuilt
        self.examples += other.examples[: EXAMPLES - len(self.examples)]
        self.changes.add(other.changes)
        self.rejects += other.rejects
        self.largest = sorted([*self.largest, *other.largest], reverse=True, key=itemgetter(0))[:LARGEST]

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the time spent inside to the seconds of a step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] += time.perf_counter() - start  # type: ignore[assignment]
