"""A job is what one run works with: collections, servers, options. It does nothing itself.

`session` makes it, and every other module here reads it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from pos_loader.collection import Collection
from pos_loader.dbt.schema import Manifest, RunResults
from pos_loader.errors import SpecError
from pos_loader.run.pool import Pool
from pos_loader.servers import mongo, mongo_client
from pos_loader.servers.profile import MariaDB


class Progress(Protocol):
    """The way by which a run tells the user something: notes and progress. The console implements it."""

    def note(self, text: str, **context: object) -> None:
        """Say one thing that the user should know; `context` is for structured logs (`collection="..."`)."""

    def start(self, name: str, *, rows: int, unit: str = "rows") -> None:
        """Begin a collection with this number of mart rows, or other work in another unit."""

    def advance(self, name: str, *, rows: int) -> None:
        """Report that rows of a collection are done."""


@dataclass(frozen=True)
class Options:
    """The options that the user chose for this run."""

    full_refresh: bool = False
    gate: bool = True
    max_build_age: timedelta = timedelta(hours=24)
    allow_empty: bool = False
    resume: bool = False
    max_rejects: int = 0
    """How many documents MongoDB may refuse before the publication stops."""
    reject_documents: bool = False
    """Whether the rejects files hold whole documents."""
    retry_rejects: bool = False
    adopt: tuple[str, ...] = ()
    """Collections to take over although the loader did not publish them; "all" means every one."""
    max_delete_share: float | None = None
    wait: float = 0
    """Seconds to wait for another load to end."""


@dataclass(frozen=True)
class Job:
    """The collections, the servers, the build they come from, and the options."""

    collections: tuple[Collection, ...]
    server: MariaDB
    client: mongo.Client
    topology: mongo_client.Topology
    progress: Progress
    manifest: Manifest
    results: RunResults | None
    """dbt's run results; none without the gate."""
    folder: Path
    """The folder of dbt's artifacts, where the loader also writes its results."""
    partition_rows: int
    workers: int
    address: mongo_client.Address
    """Where MongoDB is, for tasks in other processes."""
    pool: Pool
    options: Options = field(default_factory=Options)
    declared: tuple[Collection, ...] = ()
    """All collections of the manifest, selected or not."""
    faults: Mapping[str, SpecError] = field(default_factory=dict)
    """Exposures with a faulty declaration, for commands that work without them."""
    warnings: list[str] = field(default_factory=list)
    """What was noted and is in the results: each server of MariaDB that was lost."""
    failed_build: str = ""
    """Which nodes failed in the latest dbt build; empty if none failed, or there are no results."""
    started: float = field(default_factory=time.monotonic)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    load_id: str = field(default_factory=lambda: f"{int(time.time()):08x}{secrets.token_hex(4)}")

    @property
    def invocation(self) -> str:
        """Return the dbt invocation that wrote the artifacts."""
        return self.manifest.metadata.invocation_id or ""

    def database(self, collection: Collection) -> mongo.Database:
        """Return the collection's database."""
        return self.client[collection.database]

    def live(self, collection: Collection) -> mongo.Handle:
        """Return the published collection."""
        return self.database(collection)[collection.collection]
