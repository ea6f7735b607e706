"""What is known of the build and of the load: dbt's results, the last load, documents per shard.

The page needs none of it: where something cannot be read, a sentence says so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pos_loader.collection import Collection
from pos_loader.dbt.artifacts import read_run_results
from pos_loader.dbt.gate import read_stamp, stamp_fault
from pos_loader.dbt.identity import short
from pos_loader.errors import LoaderError, SpecError
from pos_loader.load_results import RESULTS_FILE, Moment
from pos_loader.publish.history import Run
from pos_loader.publish.published import Published, last_loads, look_at_all, origins
from pos_loader.servers import mongo_client
from pos_loader.servers.mariadb import Queries
from pos_loader.servers.profile import MariaDB
from pos_loader.settings import Settings

GOOD = ("pass", "success", "no-op")


@dataclass(frozen=True)
class DbtResult:
    """A node that did not simply succeed."""

    name: str
    status: str
    message: str


@dataclass(frozen=True)
class DbtRun:
    """A dbt invocation; `counts` has the number of nodes by kind and status."""

    invocation: str
    command: str
    made_at: str
    seconds: float
    counts: Mapping[tuple[str, str], int]
    notable: tuple[DbtResult, ...]

    def count(self, kind: str, *statuses: str) -> int:
        """Count the nodes of a kind (`test`, `model`, ...) with one of the statuses; without them, all."""
        return sum(
            number
            for (counted, status), number in self.counts.items()
            if counted == kind and (not statuses or status in statuses)
        )


@dataclass(frozen=True)
class Health:
    """What is known; each `..._fault` says why the part before it is missing, and is empty otherwise."""

    dbt: DbtRun | None
    dbt_fault: str
    stamp_fault: str
    load: Mapping[str, Any] | None
    load_fault: str
    runs: tuple[Run, ...]
    runs_fault: str
    published: tuple[Published, ...]
    published_fault: str
    moment: Moment | None = None
    """The moment of a live shop that the marts show."""


def read_health(settings: Settings, queries: Queries, collections: Sequence[Collection]) -> Health:
    """Collect what is known."""
    dbt, dbt_fault = read_dbt(settings.artifacts)
    stamp = read_stamp(queries, queries.server.schema)
    load, load_fault = _load(settings.artifacts / RESULTS_FILE)
    runs, runs_fault = last_loads(queries.server)
    published, published_fault = _published(settings, queries.server, collections)
    return Health(
        dbt=dbt,
        dbt_fault=dbt_fault,
        stamp_fault=stamp_fault(stamp, dbt.invocation) if dbt else "",
        load=load,
        load_fault=load_fault,
        runs=runs,
        runs_fault=runs_fault,
        published=published,
        published_fault=published_fault,
        moment=stamp.moment if stamp else None,
    )


def read_dbt(folder: Path) -> tuple[DbtRun | None, str]:
    """Sum up the run results in a folder; None, and why, where there are none to read."""
    try:
        results = read_run_results(folder)
    except SpecError as error:
        return None, f"dbt's results are not known: {error.what}"
    counts = Counter((result.unique_id.split(".")[0], result.status) for result in results.results)
    notable = tuple(
        DbtResult(short(result.unique_id), result.status, " ".join((result.message or "").split()))
        for result in results.results
        if result.status not in GOOD
    )
    arguments = results.args or {}
    run = DbtRun(
        invocation=results.metadata.invocation_id or "",
        command=f"dbt {arguments.get('which') or 'build'}",
        made_at=str(results.metadata.generated_at or ""),
        seconds=results.elapsed_time,
        counts=counts,
        notable=notable,
    )
    return run, ""


def _load(path: Path) -> tuple[Mapping[str, Any] | None, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None, "no load has left its results here"
    except (OSError, ValueError):
        return None, f"{path.name} cannot be read"
    needed = {"command", "load_id", "status", "finished_at", "dbt_invocation", "collections"}
    if not isinstance(found, dict) or needed - set(found):
        return None, f"{path.name} is not the result of a load"
    return found, ""


def _published(
    settings: Settings, server: MariaDB, collections: Sequence[Collection]
) -> tuple[tuple[Published, ...], str]:
    uri, timeout = settings.mongo_uri.get_secret_value(), settings.mongo_timeout
    try:
        with mongo_client.connected(uri, timeout=timeout, allow_plain=settings.allow_plain) as client:
            return tuple(look_at_all(client, collections, origins(server)[0])), ""
    except LoaderError as error:
        return (), error.what


def moment(text: str) -> str:
    """Spell a time of the artifacts, which is UTC: 22 Nov 2026, 16:03 UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{found:%-d %b %Y, %H:%M} UTC"
