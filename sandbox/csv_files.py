"""Read a source CSV strictly: every value is checked, every fault named by file, line and column.

What passes is written to a file in one fixed form, and that file is what the server loads: it never
parses anything that was not checked.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from sandbox.pos_schema import Column, Table

CHUNK_ROWS = 20_000
SHOWN = 20
VALUE_SHOWN = 60
_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass
class Problems:
    """Faults found: the first `SHOWN` as lines, all of them counted."""

    shown: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, place: str, reason: str) -> None:
        """Note one fault at `place` (file:line)."""
        self.count += 1
        if len(self.shown) < SHOWN:
            self.shown.append(f"{place}: {reason}")


class CheckedFile:
    """One CSV file of `table`: checks rows against it and rewrites them with columns in table order."""

    def __init__(self, table: Table, path: Path, problems: Problems, *, as_text: bool) -> None:
        """Take what to check, where it is, and where faults go; `as_text` checks the shape only."""
        self._table = table
        self._path = path
        self._problems = problems
        self._as_text = as_text
        self._seen: dict[int, int] = {}  # unique value -> its line
        self._faults: list[tuple[int, str]] = []  # (line, reason) of the rows at hand

    def rewrite(self, target: Path) -> int:
        """Write the rows to `target`, all quoted, and return their number; faults go to `problems`."""
        count = 0
        try:
            with (
                self._path.open(encoding="utf-8-sig", newline="") as source,
                target.open("w", encoding="utf-8", newline="") as out,
            ):
                reader = csv.reader(source, strict=True)
                writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
                order = self._header(reader)
                if order is None:
                    return 0
                while True:
                    before = reader.line_num
                    records = list(islice(reader, CHUNK_ROWS))
                    if not records:
                        break
                    lines, records = self._shape(records, before, reader.line_num, len(order))
                    columns = [tuple(record[position] for record in records) for position in order]
                    if not self._as_text:
                        self._check(columns, lines)
                    self._report()
                    writer.writerows(zip(*columns, strict=True))
                    count += len(records)
        except UnicodeDecodeError:
            self._problems.add(f"{self._path.name}:{_undecodable_line(self._path)}", "is not UTF-8")
        except csv.Error as error:
            self._problems.add(f"{self._path.name}:{reader.line_num}", f"is not CSV: {error}")
        except FileNotFoundError:
            self._problems.add(self._path.name, "the file is missing")
        except OSError as error:
            self._problems.add(self._path.name, f"cannot be read or copied: {error.strerror}")
        return count

    def _header(self, reader: Iterator[list[str]]) -> list[int] | None:
        """Return the position in the file of each column of the table, None after a fault."""
        names = next(reader, [])
        wanted = [column.name for column in self._table.columns]
        faults = [f"column {name} is missing" for name in wanted if name not in names]
        faults += [f"column {name!r} is unknown" for name in names if name not in wanted]
        faults += [f"column {name} is there twice" for name in wanted if names.count(name) > 1]
        for fault in faults:
            self._problems.add(f"{self._path.name}:1", f"{fault}; the columns are {', '.join(wanted)}")
        return None if faults else [names.index(name) for name in wanted]

    def _shape(
        self, records: list[list[str]], before: int, after: int, width: int
    ) -> tuple[Sequence[int], list[list[str]]]:
        """Return the first line of each record, and the records of the right width; blank lines are none."""
        if after - before == len(records) and all(len(record) == width for record in records):
            return range(before + 1, after + 1), records
        lines, kept, line = [], [], before + 1
        for record in records:
            if len(record) == width:
                lines.append(line)
                kept.append(record)
            elif record:
                self._faults.append((line, f"has {len(record)} fields, the header has {width}"))
            line += 1 + sum(len(_NEWLINE.findall(value)) for value in record)
        return lines, kept

    def _check(self, columns: list[tuple[str, ...]], lines: Sequence[int]) -> None:
        for column, values in zip(self._table.columns, columns, strict=True):
            bad = _faults(column, values)
            if bad:
                self._faults += [
                    (line, f"{column.name} {_short(value)} {bad[value]}")
                    for line, value in zip(lines, values, strict=True)
                    if value in bad
                ]
            if column.name == self._table.unique:
                self._faults += self._repeats(
                    column, [(v, n) for v, n in zip(values, lines, strict=True) if v not in bad]
                )

    def _report(self) -> None:
        for line, reason in sorted(self._faults):
            self._problems.add(f"{self._path.name}:{line}", reason)
        self._faults.clear()

    def _repeats(self, column: Column, values: list[tuple[str, int]]) -> Iterator[tuple[int, str]]:
        for value, line in values:
            first = self._seen.setdefault(int(value), line)
            if first != line:
                yield line, f"{column.name} {_short(value)} is already the {column.name} of line {first}"


def _faults(column: Column, values: Sequence[str]) -> dict[str, str]:
    """Map each value that is at fault to the reason."""
    if column.kind.all_fit(values):
        return {}
    distinct = set(values)
    bad = {value: reason for value in distinct if value and (reason := column.kind.fault(value))}
    if column.required and "" in distinct:
        bad[""] = "is missing"
    return bad


def _short(value: str) -> str:
    return repr(value if len(value) <= VALUE_SHOWN else value[:VALUE_SHOWN] + "…")


def _undecodable_line(path: Path) -> int:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1
