"""Outcomes are what is reported of a run: one per collection, and one of the whole run."""

from __future__ import annotations

import re
import resource
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo.errors import PyMongoError

from pos_loader import __version__
from pos_loader.collection import Collection
from pos_loader.dbt.gate import Verdict
from pos_loader.errors import ExitCode, LoaderError, ending
from pos_loader.load_results import (
    FAILED,
    REFUSED,
    SUCCEEDED,
    CollectionOutcome,
    LevelCount,
    Outcome,
    ShardShare,
    status_of,
)
from pos_loader.publish import builds, live_layout
from pos_loader.run import accounting, ownership
from pos_loader.run.faults import Faults
from pos_loader.run.job import Job
from pos_loader.run.staging import Build, Staged
from pos_loader.run.survey import Work
from pos_loader.run.tally import Tally
from pos_loader.servers import mongo, nodes, waiting


def staged_outcome(job: Job, staged: Staged, verdict: Verdict) -> CollectionOutcome:
    """Report what a load did to a collection that it has shown."""
    tally, work, counts = staged.tally, staged.work, staged.counts
    levels = accounting.levels(work, tally)
    shards: dict[str, ShardShare] = {}
    uuid = None
    with suppress(LoaderError, PyMongoError):  # it is published, even if this cannot be looked up
        uuid = builds.uuid_of(job.database(work.collection), work.collection.collection)
        shards = _shares(job, work.collection)
    return CollectionOutcome(
        name=work.collection.name,
        namespace=job.live(work.collection).full_name,
        mode=staged.mode,
        documents=tally.documents,
        bytes=tally.bytes,
        inserted=counts.inserted,
        replaced=counts.replaced,
        deleted=counts.deleted,
        unchanged=counts.unchanged,
        rejects=len(tally.rejects),
        **_counts(levels),
        coerced=dict(+tally.coerced),
        partitions=len(work.partitions),
        seconds=_rounded(tally),
        warnings=verdict.warnings,
        figures=tally.figures,
        shards=shards,
        uuid=str(uuid.as_uuid()) if uuid else "",
        moment=verdict.moment,
        indexes_added=tuple(index.name for index in staged.layout.create),
        indexes_dropped=staged.layout.drop,
        indexes_kept=staged.claim.kept_names,
        notes=tuple(ownership.notes(staged.claim, staged.layout, is_rebuilt=isinstance(staged, Build))),
    )


def checked_outcome(job: Job, work: Work, tally: Tally) -> CollectionOutcome:
    """Report what a comparison found; raise `DataError` where rows are not accounted for."""
    levels = accounting.levels(work, tally) if work.partitions else ()
    accounting.require_complete(work.collection, levels)
    return CollectionOutcome(
        name=work.collection.name,
        namespace=job.live(work.collection).full_name,
        mode="verify",
        documents=tally.documents,
        bytes=tally.bytes,
        unchanged=tally.compared.same,
        **_counts(levels),
        coerced=dict(+tally.coerced),
        partitions=len(work.partitions),
        seconds=_rounded(tally),
        differences=tally.compared.differences,
        examples=tuple(tally.examples),
        figures=tally.figures,
        shards=_shares(job, work.collection),
    )


def refused_outcome(collection: Collection, verdict: Verdict) -> CollectionOutcome:
    """Report a collection that the gate refuses."""
    return CollectionOutcome(
        name=collection.name,
        namespace=f"{collection.database}.{collection.collection}",
        mode=REFUSED,
        refused=verdict.refused,
        warnings=verdict.warnings,
        moment=verdict.moment,
    )


def failed_outcome(collection: Collection, faults: Faults) -> CollectionOutcome:
    """Report a collection that failed, with its error."""
    return CollectionOutcome(
        name=collection.name,
        namespace=f"{collection.database}.{collection.collection}",
        mode=FAILED,
        error=str(faults.errors[collection.name]),
    )


def _counts(levels: Sequence[LevelCount]) -> dict[str, Any]:
    """Count the rows by level, and by model: one model may be at several levels."""
    rows, left_out = dict.fromkeys((level.model for level in levels), 0), Counter[str]()
    for level in levels:
        rows[level.model] += level.nested
        left_out[level.model] += level.left_out
    return {"levels": tuple(levels), "rows": rows, "left_out": dict(+left_out)}


def _rounded(tally: Tally) -> dict[str, float]:
    return {step: round(seconds, 3) for step, seconds in tally.seconds.items()}


def _shares(job: Job, collection: Collection) -> dict[str, ShardShare]:
    shares = live_layout.shares(job.live(collection))
    return {shard: ShardShare(share.documents, share.bytes) for shard, share in shares.items()}


def conclude(
    job: Job,
    command: str,
    done: Sequence[CollectionOutcome] = (),
    *,
    faults: Faults | None = None,
    error: BaseException | None = None,
) -> Outcome:
    """Report a run as it stands now; `faults` are of single collections, `error` ended the whole run."""
    status = FAILED if error else status_of(done)
    code, line = ending(error) if error else (ExitCode.OK if status == SUCCEEDED else ExitCode.DATA, "")
    if faults is not None and faults.errors and error is None:
        is_any_done = any(outcome.mode not in (FAILED, REFUSED) for outcome in done)
        code, line = faults.exit_code(is_any_done=is_any_done), faults.line(len(job.collections))
    return Outcome(
        command=command,
        load_id=job.load_id,
        loader_version=__version__,
        status=status,
        exit_code=int(code),
        error=line,
        started_at=job.started_at,
        finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        seconds=round(time.monotonic() - job.started, 3),
        dbt_invocation=job.invocation,
        mariadb=job.server.address,
        mongodb=mongo.hosts(job.client),
        is_cluster=job.topology.is_cluster,
        collections=tuple(sorted(done, key=lambda outcome: outcome.name)),
        peak_memory=_peak_memory(),
        galera_node=nodes.name(job.server.node or "") if job.server.is_galera else "",
        run_warnings=tuple(job.warnings),
        waits=waiting.waits(),
    )


def _peak_memory() -> int:
    """Return the most memory that this program has held, in bytes.

    Linux's VmHWM counts this program alone; ru_maxrss includes the process that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found.group(1)) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
