"""The only module that prints: data to stdout; notes, progress and one-line errors to stderr.

With the log format "json", what goes to stderr is one JSON object per line, made by structlog.
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
from pos_loader.masking import masked
from pos_loader.outcome import FAILED, Outcome, to_json

PROGRAM = "pos-loader"


class LogFormat(StrEnum):
    """What notes and errors on stderr look like."""

    TEXT = "text"
    JSON = "json"


class _Patient(Terminal):
    """A terminal that nobody may read any more: Rich would end the program."""

    def on_broken_pipe(self) -> None:
        """Say nothing more."""
        self.quiet = True


class Console:
    """Shows a run; it is also the pipeline's `Progress`."""

    def __init__(
        self,
        *,
        format: Format = Format.AUTO,
        quiet: bool = False,
        log_format: LogFormat = LogFormat.TEXT,
    ) -> None:
        """Open both streams; `quiet` leaves out notes and progress, never errors or data."""
        self._log = _json_log() if log_format is LogFormat.JSON else None
        self._out = Terminal(file=sys.stdout, highlight=False, soft_wrap=True)
        self._err = _Patient(file=sys.stderr, highlight=False, soft_wrap=True)
        self._format = format
        self._quiet = quiet
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    def bind(self, **context: object) -> None:
        """Give every JSON line from now on, another console's too, these fields."""
        if self._log:
            import structlog

            structlog.contextvars.bind_contextvars(**context)

    def note(self, text: str, **context: object) -> None:
        """Say one thing, on stderr; `context` becomes fields of a JSON line."""
        if self._quiet:
            return
        text = masked(text)
        with suppress(OSError):  # nobody reads stderr, or its disk is full: the work goes on
            if self._log:
                self._log.info(text, **context)
            else:
                self._err.print(f"{PROGRAM}: {text}", markup=False)

    def error(self, text: str, **context: object) -> None:
        """Say what went wrong, on one line of stderr; `context` becomes fields of a JSON line."""
        line = masked(" ".join(text.split()))
        with suppress(OSError):
            if self._log:
                self._log.error(line, **context)
            else:
                self._err.print(f"{PROGRAM}: error: {line}", markup=False)

    def _event(self, name: str, **context: object) -> None:
        """Log what the text format shows in another way."""
        if self._log and not self._quiet:
            with suppress(OSError):
                self._log.info(name, **context)

    @contextmanager
    def progress(self) -> Iterator[Console]:
        """Show progress bars meanwhile, on a terminal only."""
        if self._quiet or self._log or not self._err.is_terminal:
            yield self
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Bars(*columns, console=self._err, transient=True) as self._bars:
            yield self
        self._bars = None

    def start(self, name: str, *, rows: int, unit: str = "rows") -> None:
        """Begin a collection's bar."""
        if unit == "rows":
            self._event("collection started", collection=name, rows=rows)
        if self._bars is not None:
            self._tasks[name] = self._bars.add_task(f"{name} {unit}", total=rows)

    def advance(self, name: str, *, rows: int) -> None:
        """Move a collection's bar."""
        if self._bars is not None:
            self._bars.advance(self._tasks[name], rows)

    def json(self, value: Any) -> None:
        """Print a value as JSON, on stdout."""
        self.text(json.dumps(value, indent=2, ensure_ascii=False, default=str))

    def text(self, text: str) -> None:
        """Print text as it is, on stdout (Rich would turn tabs into spaces); to nobody if none reads."""
        try:
            print(text, file=self._out.file)
        except BrokenPipeError:
            discard_output()

    @property
    def is_json(self) -> bool:
        """Whether data is to be JSON."""
        return self._format is Format.JSON

    def outcome(self, outcome: Outcome) -> None:
        """Show what a load or a verification did."""
        self._log_outcome(outcome)
        if self.is_json:
            self.text(to_json(outcome))
            return
        if outcome.collections and all(each.mode == FAILED for each in outcome.collections):
            return  # each of them has its line on stderr
        self.table(tables.HEADS, [tables.row(collection) for collection in outcome.collections])
        for line in tables.lines(outcome):
            self.text(line)

    def faults(self, outcome: Outcome) -> None:
        """Name every collection that failed or was refused, each on one line of stderr."""
        for name, fault in tables.faults(outcome):
            self.error(fault, collection=name)

    def _log_outcome(self, outcome: Outcome) -> None:
        for each in outcome.collections:
            fields = asdict(each)
            # differences and figures hold the customers' data
            fields |= {"examples": len(each.examples), "figures": len(each.figures)}
            self._event("collection ended", collection=fields.pop("name"), **fields)
        self._event(
            f"{outcome.command} ended",
            status=outcome.status,
            exit_code=outcome.exit_code,
            seconds=outcome.seconds,
            dbt_invocation=outcome.dbt_invocation,
        )

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines as they come, on stdout; raises `BrokenPipeError` where none reads any more."""
        for line in lines:
            print(line, file=self._out.file)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table, on stdout."""
        for line in self._rendered(heads, rows):
            self.text(line)

    def rows(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table of any length as its rows come, on stdout.

        Nothing is printed before the first rows have come, which may fail. Raises `BrokenPipeError` where
        nobody reads any more.
        """
        self.lines(self._rendered(heads, rows))

    def _rendered(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
        is_terminal = self._out.is_terminal
        if self._format is Format.TSV or (self._format is Format.AUTO and not is_terminal):
            return tab_separated(heads, rows)
        return aligned(heads, rows, width=self._out.width if is_terminal else None, heading=self._bold)

    def _bold(self, text: str) -> str:
        """Text in bold, on a terminal only."""
        with self._out.capture() as captured:
            self._out.print(text, style="bold", markup=False, end="")
        return captured.get()


def discard_output() -> None:
    """Send the rest of stdout nowhere: whoever reads has enough, and Python flushes once more at its end."""
    with suppress(OSError, ValueError, AttributeError):  # no file behind it: nothing to flush
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
