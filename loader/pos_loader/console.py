"""The only module that prints: data to stdout; notes, progress and one-line errors to stderr.

With the log format "json", structlog writes one JSON object per line to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from rich.console import Console as Terminal
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from pos_loader import tables
from pos_loader.formats import Format, aligned, tab_separated
from pos_loader.load_results import FAILED, Outcome, to_json
from pos_loader.masking import masked

PROGRAM = "pos-loader"


class LogFormat(StrEnum):
    """How notes and errors on stderr look."""

    TEXT = "text"
    JSON = "json"


class _Patient(Terminal):
    """A terminal that survives a broken pipe; Rich would end the program."""

    def on_broken_pipe(self) -> None:
        """Print nothing more."""
        self.quiet = True


class Console:
    """Shows a run to the user; it is the `Progress` of a job."""

    def __init__(
        self,
        *,
        format: Format = Format.AUTO,
        quiet: bool = False,
        log_format: LogFormat = LogFormat.TEXT,
    ) -> None:
        """Open both streams; `quiet` leaves out notes and progress, but never errors or data."""
        self._log = _json_log() if log_format is LogFormat.JSON else None
        self._out = Terminal(file=sys.stdout, highlight=False, soft_wrap=True)
        self._err = _Patient(file=sys.stderr, highlight=False, soft_wrap=True)
        self._format = format
        self._quiet = quiet
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    def bind(self, **context: object) -> None:
        """Add these fields to every JSON line from now on, also to those of other consoles."""
        if self._log:
            import structlog

            structlog.contextvars.bind_contextvars(**context)

    def note(self, text: str, **context: object) -> None:
        """Print one note on stderr; `context` becomes fields of a JSON line."""
        if self._quiet:
            return
        text = masked(text)
        with suppress(OSError):  # stderr is closed, or its disk is full: the work continues
            if self._log:
                self._log.info(text, **context)
            else:
                self._err.print(f"{PROGRAM}: {text}", markup=False)

    def error(self, text: str, **context: object) -> None:
        """Print one line on stderr that says what went wrong; `context` becomes fields of a JSON line."""
        line = masked(" ".join(text.split()))
        with suppress(OSError):
            if self._log:
                self._log.error(line, **context)
            else:
                self._err.print(f"{PROGRAM}: error: {line}", markup=False)

    def _event(self, name: str, **context: object) -> None:
        """Log an event that the text format shows in another way."""
        if self._log and not self._quiet:
            with suppress(OSError):
                self._log.info(name, **context)

    @contextmanager
    def progress(self) -> Iterator[Console]:
        """Show progress bars during the block, on a terminal only."""
        if self._quiet or self._log or not self._err.is_terminal:
            yield self
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Bars(*columns, console=self._err, transient=True) as self._bars:
            yield self
        self._bars = None

    def start(self, name: str, *, rows: int, unit: str = "rows") -> None:
        """Begin the bar of a collection."""
        if unit == "rows":
            self._event("collection started", collection=name, rows=rows)
        if self._bars is not None:
            self._tasks[name] = self._bars.add_task(f"{name} {unit}", total=rows)

    def advance(self, name: str, *, rows: int) -> None:
        """Move the bar of a collection."""
        if self._bars is not None:
            self._bars.advance(self._tasks[name], rows)

    def json(self, value: Any) -> None:
        """Print a value as JSON, on stdout."""
        self.text(json.dumps(value, indent=2, ensure_ascii=False, default=str))

    def text(self, text: str) -> None:
        """Print text on stdout, without Rich, which turns tabs into spaces; a closed pipe is no error."""
        try:
            print(text, file=self._out.file)
        except BrokenPipeError:
            discard_output()

    @property
    def is_json(self) -> bool:
        """Whether data is printed as JSON."""
        return self._format is Format.JSON

    def outcome(self, outcome: Outcome) -> None:
        """Show what a load or a verification did."""
        self._log_outcome(outcome)
        if self.is_json:
            self.text(to_json(outcome))
            return
        if outcome.collections and all(collection.mode == FAILED for collection in outcome.collections):
            return  # `faults` prints a line for each of them
        self.table(tables.HEADS, [tables.row(collection) for collection in outcome.collections])
        for line in tables.lines(outcome):
            self.text(line)

    def faults(self, outcome: Outcome) -> None:
        """Name every collection that failed or was refused, each on one line of stderr."""
        for name, fault in tables.faults(outcome):
            self.error(fault, collection=name)

    def _log_outcome(self, outcome: Outcome) -> None:
        for collection in outcome.collections:
            fields = asdict(collection)
            # Examples and figures hold the customers' data, so only their numbers are logged.
            fields |= {"examples": len(collection.examples), "figures": len(collection.figures)}
            self._event("collection ended", collection=fields.pop("name"), **fields)
        self._event(
            f"{outcome.command} ended",
            status=outcome.status,
            exit_code=outcome.exit_code,
            seconds=outcome.seconds,
            dbt_invocation=outcome.dbt_invocation,
        )

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines as they come, on stdout; raise `BrokenPipeError` when the reader closes the pipe."""
        for line in lines:
            print(line, file=self._out.file)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table, on stdout."""
        for line in self._rendered(heads, rows):
            self.text(line)

    def rows(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table of any length as its rows come, on stdout.

        Nothing is printed before the first rows have come, so an early error prints no heads. Raises
        `BrokenPipeError` when the reader closes the pipe.
        """
        self.lines(self._rendered(heads, rows))

    def _rendered(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
        is_terminal = self._out.is_terminal
        if self._format is Format.TSV or (self._format is Format.AUTO and not is_terminal):
            return tab_separated(heads, rows)
        return aligned(heads, rows, width=self._out.width if is_terminal else None, heading=self._bold)

    def _bold(self, text: str) -> str:
        """Return the text in bold, on a terminal only."""
        with self._out.capture() as captured:
            self._out.print(text, style="bold", markup=False, end="")
        return captured.get()


def discard_output() -> None:
    """Send the rest of stdout nowhere: the reader closed the pipe, and Python flushes again when it ends."""
    with suppress(OSError, ValueError, AttributeError):  # there is no file behind it, so nothing to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _json_log() -> Any:
    import structlog

    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )
