"""What a run did: the values behind the tables of the console and `target/load_results.json`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from pos_loader.collection import Difference, Figure, Wait

RESULTS_FILE = "load_results.json"

RUNNING, SUCCEEDED, REFUSED, DIFFERENT, FAILED = "running", "succeeded", "refused", "different", "failed"
"""The status of a run; a refused or failed collection has this as its mode."""


@dataclass(frozen=True)
class Moment:
    """The moment of a live shop that a build shows.

    `mode` is "snapshot" or "replica", `gtid` the position in the shop's binary log (empty where there is
    none), `at` the time in UTC (ISO 8601).
    """

    mode: str
    gtid: str
    at: str

    def __str__(self) -> str:
        """Spell it: `2026-11-28 12:21:46 UTC, GTID 0-1-10`."""
        at = f"{self.at[:19].replace('T', ' ')} UTC"
        return f"{at}, GTID {self.gtid}" if self.gtid else at


def moment_of(mode: str | None, gtid: str | None, at: datetime | None) -> Moment | None:
    """Make a moment of the columns of a table; `at` is UTC. None where there is no mode."""
    taken_at = f"{at.isoformat(timespec='microseconds')}Z" if at else ""
    return Moment(mode, gtid or "", taken_at) if mode else None


@dataclass(frozen=True)
class ShardShare:
    """One shard's part of a collection."""

    documents: int
    bytes: int


@dataclass(frozen=True)
class LevelCount:
    """Where the rows of one level's model are; the parts add up to `rows`, all rows of the mart.

    `path` is the path of the array ("orders.lines"; empty for the documents), `node` the model's unique id.
    `nested` rows are in the collection. `elsewhere` rows are in its buckets; for buckets, they are in the
    documents. `unknown` rows belong to the unknown member and are in no document. `left_out` rows are beyond
    `max_items`. `rejected` rows are in documents that MongoDB refused.
    """

    path: str
    model: str
    node: str
    rows: int
    nested: int
    elsewhere: int = 0
    unknown: int = 0
    left_out: int = 0
    rejected: int = 0

    @property
    def accounted(self) -> int:
        """Return the sum of the parts."""
        return self.nested + self.elsewhere + self.unknown + self.left_out + self.rejected

    @property
    def not_nested(self) -> str:
        """Say which rows are in no document: `unknown member 12, left out 3`; empty if there are none."""
        parts = (
            ("unknown member", self.unknown),
            ("left out", self.left_out),
            ("rejected", self.rejected),
        )
        return ", ".join(f"{what} {count:,}" for what, count in parts if count)


@dataclass(frozen=True)
class CollectionOutcome:
    """One collection's load or verification.

    `mode` is "full refresh", "sync", "verify", "refused" (`refused` says why) or "failed" (`error` says why).
    `rows` counts the nested mart rows by model, `left_out` those beyond `max_items`, and `levels` says where
    all rows of every level are. `coerced` counts the values changed as declared, by `model.column: way`.
    `seconds` are those of each step, added up over the workers. `figures` are the reconciled ones; a sync has
    none. `moment` is that of a live shop, where the build knows it. `uuid` is that of the published
    collection. The loader did not make the `indexes_kept`. `notes` says what was taken over, what stays and
    what was dropped.
    """

    name: str
    namespace: str
    mode: str
    documents: int = 0
    bytes: int = 0
    inserted: int = 0
    replaced: int = 0
    deleted: int = 0
    unchanged: int = 0
    rejects: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    coerced: Mapping[str, int] = field(default_factory=dict)
    partitions: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    levels: tuple[LevelCount, ...] = ()
    refused: str = ""
    error: str = ""
    warnings: tuple[str, ...] = ()
    differences: int = 0
    examples: tuple[Difference, ...] = ()
    figures: tuple[Figure, ...] = ()
    uuid: str = ""
    indexes_added: tuple[str, ...] = ()
    indexes_dropped: tuple[str, ...] = ()
    indexes_kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    shards: Mapping[str, ShardShare] = field(default_factory=dict)
    moment: Moment | None = None

    @property
    def verified(self) -> bool:
        """Whether MongoDB agrees with MariaDB in every byte and figure that was compared."""
        return not self.refused and self.mode != FAILED and self.differences == 0 and not self.unequal

    @property
    def unequal(self) -> tuple[Figure, ...]:
        """The figures that do not reconcile."""
        return tuple(figure for figure in self.figures if not figure.equal)


@dataclass(frozen=True)
class Outcome:
    """One run of `load` or `verify`; sizes are bytes, durations seconds, times UTC (ISO 8601).

    `status` is "succeeded", "refused" (the gate refuses some collections), "different" (`verify` found
    differences) or "failed" (some collections or the whole run; `error` says why on one line). `galera_node`
    is the node that was read; empty where MariaDB is no Galera cluster. `run_warnings` are of the whole run.
    `load_results.schema.json` describes every field of its JSON.
    """

    command: str
    load_id: str
    loader_version: str
    status: str
    exit_code: int
    error: str
    started_at: str
    finished_at: str
    seconds: float
    dbt_invocation: str
    mariadb: str
    mongodb: str
    is_cluster: bool
    collections: tuple[CollectionOutcome, ...]
    peak_memory: int
    galera_node: str = ""
    run_warnings: tuple[str, ...] = ()
    waits: tuple[Wait, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether every collection verified."""
        return all(collection.verified for collection in self.collections)


def status_of(collections: Sequence[CollectionOutcome]) -> str:
    """Return the status of a run that raised no error."""
    if any(collection.mode == FAILED for collection in collections):
        return FAILED
    if any(collection.refused for collection in collections):
        return REFUSED
    return SUCCEEDED if all(collection.verified for collection in collections) else DIFFERENT


def write_results(outcome: Outcome, folder: Path) -> Path:
    """Write `load_results.json` in one step, so that nobody reads half a file; return its path."""
    path = folder / RESULTS_FILE
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        partial.write_text(to_json(outcome) + "\n", encoding="utf-8", errors="backslashreplace")
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    return path


def to_json(outcome: Outcome) -> str:
    """Spell an outcome as indented JSON."""
    return json.dumps(asdict(outcome), indent=2, default=str, ensure_ascii=False)
