"""What one run works with; made by `session`, read by everything below."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from dbt_artifacts_parser.parsers.manifest.manifest_v11 import ManifestV11
from dbt_artifacts_parser.parsers.run_results.run_results_v5 import RunResultsV5

from pos_loader.collection import Collection
from pos_loader.errors import SpecError
from pos_loader.run.pool import Pool
from pos_loader.servers import mongo
from pos_loader.servers.profile import MariaDB


class Progress(Protocol):
    """What a run tells whoever watches; the only way out for anything to be shown."""

    def note(self, text: str, **context: object) -> None:
        """Say one thing the user should know; `context` is for structured logs (`collection="..."`)."""

    def start(self, name: str, *, rows: int, unit: str = "rows") -> None:
        """Begin a collection of so many mart rows, or other work of so many units."""

    def advance(self, name: str, *, rows: int) -> None:
        """Finish so many rows of a collection."""


@dataclass(frozen=True)
class Options:
    """What the user chose for this run."""

    full_refresh: bool = False
    gate: bool = True
    max_build_age: timedelta = timedelta(hours=24)
    allow_empty: bool = False
    resume: bool = False
    max_rejects: int = 0
    """Documents that MongoDB may refuse without stopping the publication."""
    reject_documents: bool = False
    """Whether whole documents are written to the rejects files."""
    retry_rejects: bool = False
    adopt: tuple[str, ...] = ()
    """Collections to take over although the loader did not publish them; "all" for every one."""
    max_delete_share: float | None = None
    wait: float = 0
    """Seconds to wait for another load to end."""


@dataclass(frozen=True)
class Job:
    """The collections, the servers, the build they come from, and the options."""

    collections: tuple[Collection, ...]
    server: MariaDB
    client: mongo.Client
    topology: mongo.Topology
    progress: Progress
    manifest: ManifestV11
    results: RunResultsV5 | None
    """dbt's run results; None where the gate is not asked."""
    folder: Path
    """Where dbt's artifacts are and ours go."""
    partition_rows: int
    workers: int
    address: mongo.Address
    """Where MongoDB is, for tasks done in other programs."""
    pool: Pool
    options: Options = field(default_factory=Options)
    declared: tuple[Collection, ...] = ()
    """All collections of the manifest, selected or not."""
    faults: Mapping[str, SpecError] = field(default_factory=dict)
    """Exposures whose declaration is faulty, for commands that go on without them."""
    failed_build: str = ""
    """Which nodes failed in the latest dbt build; empty where none did, or no results are there."""
    started: float = field(default_factory=time.monotonic)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    load_id: str = field(default_factory=lambda: f"{int(time.time()):08x}{secrets.token_hex(4)}")

    @property
    def invocation(self) -> str:
        """The dbt invocation that wrote the artifacts."""
        return self.manifest.metadata.invocation_id or ""

    def database(self, collection: Collection) -> mongo.Database:
        """The collection's database."""
        return self.client[collection.database]

    def live(self, collection: Collection) -> mongo.Handle:
        """The published collection."""
        return self.database(collection)[collection.collection]
