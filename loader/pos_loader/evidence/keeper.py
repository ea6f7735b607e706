"""The keeper runs a load or a verification and keeps its evidence.

Evidence is the results file, audit rows, lineage events, and the step summary. It never stops a load: what
cannot be written is a note, and is not tried again. A load that fails prints only its own error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pos_loader import stopping
from pos_loader.errors import LoaderError, ending
from pos_loader.evidence import audit, summary
from pos_loader.load_results import FAILED, RESULTS_FILE, RUNNING, CollectionOutcome, Outcome, write_results
from pos_loader.masking import masked, remember
from pos_loader.run import pipeline
from pos_loader.run.job import Job
from pos_loader.run.outcomes import conclude
from pos_loader.servers import waiting

if TYPE_CHECKING:
    from pos_loader.evidence.lineage import Emitter

AUDIT = "this load is not in the audit tables"
LINEAGE = "OpenLineage events are not sent"
RESULTS = "the results file is not written"
SUMMARY = "the step summary is not written"


def load(job: Job) -> Outcome:
    """Publish as `pipeline.load` does, and keep the evidence, also of a load that fails.

    Raises what `pipeline.load` raises.
    """
    keeper = _Keeper(job)
    keeper.begin()
    done: list[CollectionOutcome] = []
    try:
        outcome = pipeline.load(job, done)
    except BaseException as error:
        with stopping.held():
            keeper.end(_failed(job, done, stopping.cause(error)))
        raise
    keeper.end(outcome)
    if RESULTS not in keeper.faults:
        job.progress.note(f"written to {job.folder / RESULTS_FILE}")
    for what, why in keeper.faults.items():
        job.progress.note(f"{what}: {why}")
    return outcome


def verify(job: Job, *, quick: bool = False) -> Outcome:
    """Compare as `pipeline.check` does, and write a step summary; nothing else is written.

    Raises what `pipeline.check` raises.
    """
    keeper = _Keeper(job)
    outcome = pipeline.check(job, quick=quick)
    keeper.summarize(outcome)
    for what, why in keeper.faults.items():
        job.progress.note(f"{what}: {why}")
    return outcome


class _Keeper:
    """Writes each kind of evidence; `faults` says which could not be written, and why."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._emitter: Emitter | None = None
        self.faults: dict[str, str] = {}

    def begin(self) -> None:
        """Record that a load has begun."""
        running = replace(conclude(self._job, "load"), status=RUNNING, finished_at="")
        self._attempt(AUDIT, lambda: audit.record(self._job.server, running))
        self._attempt(LINEAGE, self._start_lineage)

    def end(self, outcome: Outcome) -> None:
        """Record how it ended."""
        self._attempt(RESULTS, lambda: write_results(outcome, self._job.folder))
        self._attempt(AUDIT, lambda: audit.record(self._job.server, outcome))
        if self._emitter is not None:
            emitter = self._emitter
            self._attempt(LINEAGE, lambda: emitter.end(outcome))
        if waiting.waits() != outcome.waits:  # writing the audit tables had to wait
            outcome = replace(outcome, waits=waiting.waits())
            self._attempt(RESULTS, lambda: write_results(outcome, self._job.folder))
        self.summarize(outcome)

    def summarize(self, outcome: Outcome) -> None:
        """Append to the step summary if this runs in GitHub Actions."""
        path = os.environ.get(summary.VARIABLE)
        if path:
            self._attempt(SUMMARY, lambda: summary.append(outcome, Path(path)))

    def _start_lineage(self) -> None:
        if not _lineage_is_configured():
            return
        from pos_loader.evidence import lineage  # the import takes a third of a second

        for name, value in os.environ.items():
            if name.startswith("OPENLINEAGE") and re.search("KEY|TOKEN|SECRET|PASS", name):
                remember(value)

        self._emitter = lineage.Emitter(self._job)
        self._emitter.start()

    def _attempt(self, what: str, step: Callable[[], object]) -> None:
        if what in self.faults:
            return
        try:
            step()
        except LoaderError as error:
            self.faults[what] = f"{error.what}{f' ({error.where})' if error.where else ''}"
        except Exception as error:  # a transport may raise anything
            self.faults[what] = _reason(error)


def _lineage_is_configured() -> bool:
    """Whether openlineage-python would find a configuration: this looks in the same places.

    Source: https://openlineage.io/docs/client/python/configuration
    """
    if os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return False
    named = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT")
    files = (Path("openlineage.yml"), Path.home() / ".openlineage" / "openlineage.yml")
    return any(name.startswith(named) for name in os.environ) or any(file.is_file() for file in files)


def _failed(job: Job, done: Sequence[CollectionOutcome], error: BaseException) -> Outcome:
    """Report a load that an error ended; `done` has the collections shown, failed or refused before."""
    failed = [
        CollectionOutcome(
            name=collection.name,
            namespace=f"{collection.database}.{collection.collection}",
            mode=FAILED,
            error=ending(error)[1],
        )
        for collection in job.collections
        if collection.name not in {outcome.name for outcome in done}
    ]
    outcomes = sorted([*done, *failed], key=lambda outcome: outcome.name)
    return conclude(job, "load", outcomes, error=error)


def _reason(error: Exception) -> str:
    """An error on one line, without the user and the password of an address in it."""
    text = " ".join(str(error).split()) or type(error).__name__
    return masked(text)[:300]
