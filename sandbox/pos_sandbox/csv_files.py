"""Strict reading of a source CSV: every value is checked, and every fault is named by file, line and column.

Checked rows are written to a new file in one fixed form. The server loads this file, so it never parses
anything that was not checked.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pos_sandbox.pos_schema import Column, Table

CHUNK_ROWS = 20_000
SHOWN = 20
VALUE_SHOWN = 60
UTF_8 = "utf-8-sig"  # with or without a byte order mark
TEXT_BYTES = 65_535  # of a column of type text
_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass
class Remark:
    """Values of one column that dbt treats in the same special way; `first` says where the first one is."""

    first: str
    count: int = 0


@dataclass
class Problems:
    """Faults found: all are counted, and the first `SHOWN` are kept as lines.

    `typed` counts the faults that a text column would accept. `remarks` are imported values that dbt treats
    in a special way, by column and kind.
    """

    shown: list[str] = field(default_factory=list)
    count: int = 0
    typed: int = 0
    remarks: dict[tuple[str, tuple[str, str]], Remark] = field(default_factory=dict)

    def add(self, line: str, reason: str, *, typed: bool = False) -> None:
        """Note one fault at `line` (file:line); a text column would accept a `typed` one."""
        self.count += 1
        self.typed += typed
        if len(self.shown) < SHOWN:
            self.shown.append(f"{line}: {reason}")

    def remark(self, column: str, what: tuple[str, str], found: Remark) -> None:
        """Note values of a column; the first one found stays the first."""
        before = self.remarks.setdefault((column, what), found)
        if before is not found:
            before.count += found.count


class CheckedFile:
    """One CSV file of a table: its rows are checked, and rewritten with columns in the table's order."""

    def __init__(
        self, table: Table, path: Path, problems: Problems, *, as_text: bool, encoding: str = UTF_8
    ) -> None:
        """Check `path` against `table`; faults go to `problems`. `as_text` checks shape and size only."""
        self._table = table
        self._path = path
        self._problems = problems
        self._as_text = as_text
        self._encoding = encoding
        self._seen: dict[int, int] = {}  # unique value -> its line
        self._faults: list[tuple[int, str, bool]] = []  # (line, reason, typed) of the rows at hand

    def rewrite(self, target: Path) -> int:
        """Write the rows to `target`, with all values quoted; return their number."""
        count = 0
        try:
            with (
                self._path.open(encoding=self._encoding, newline="") as source,
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
                    if self._as_text:
                        self._check_size(columns, lines)
                    else:
                        self._check(columns, lines)
                    self._report()
                    writer.writerows(zip(*columns, strict=True))
                    count += len(records)
        except UnicodeError:
            self._undecodable()
        except csv.Error as error:
            self._problems.add(f"{self._path.name}:{reader.line_num}", f"is not CSV: {error}")
        except FileNotFoundError:
            self._problems.add(self._path.name, f"the file is missing{self._spelled_otherwise()}")
        except OSError as error:
            self._problems.add(self._path.name, f"cannot be read or copied: {error.strerror}")
        return count

    def _header(self, reader: Iterator[list[str]]) -> list[int] | None:
        """Return the position in the file of each column of the table; none after a fault.

        Names are compared without case, as MariaDB compares them.
        """
        names = next(reader, [])
        wanted = [column.name for column in self._table.columns]
        keys, wanted_keys = [name.lower() for name in names], [name.lower() for name in wanted]
        faults = [f"column {name} is missing" for name in wanted if name.lower() not in keys]
        faults += [f"column {name!r} is unknown" for name in names if name.lower() not in wanted_keys]
        faults += [f"column {name} is there twice" for name in wanted if keys.count(name.lower()) > 1]
        for fault in faults:
            self._problems.add(f"{self._path.name}:1", f"{fault}; the columns are {', '.join(wanted)}")
        return None if faults else [keys.index(key) for key in wanted_keys]

    def _spelled_otherwise(self) -> str:
        """Name a file whose name differs in case only, if there is one."""
        name = self._path.name.lower()
        others = sorted(path.name for path in self._path.parent.iterdir() if path.name.lower() == name)
        return f"; rename {others[0]}, which is there" if others else ""

    def _shape(
        self, records: list[list[str]], before: int, after: int, width: int
    ) -> tuple[Sequence[int], list[list[str]]]:
        """Return the first line of each record, and the records of the right width; skip blank lines."""
        if after - before == len(records) and all(len(record) == width for record in records):
            return range(before + 1, after + 1), records
        lines, kept, line = [], [], before + 1
        for record in records:
            if len(record) == width:
                lines.append(line)
                kept.append(record)
            elif record:
                self._faults.append((line, f"has {len(record)} fields, the header has {width}", False))
            line += 1 + sum(len(_NEWLINE.findall(value)) for value in record)
        return lines, kept

    def _check(self, columns: list[tuple[str, ...]], lines: Sequence[int]) -> None:
        for column, values in zip(self._table.columns, columns, strict=True):
            bad = _faults(column, values)
            if bad:
                self._faults += [
                    (line, f"{column.name} {_short(value)} {bad[value]}", not (column.required and not value))
                    for line, value in zip(lines, values, strict=True)
                    if value in bad
                ]
            self._remark(column, values, lines, bad)
            if column.name == self._table.unique:
                self._faults += self._repeats(
                    column, [(v, n) for v, n in zip(values, lines, strict=True) if v not in bad]
                )

    def _check_size(self, columns: list[tuple[str, ...]], lines: Sequence[int]) -> None:
        for column, values in zip(self._table.columns, columns, strict=True):
            for value, line in zip(values, lines, strict=True):
                if len(value) > TEXT_BYTES // 4 and len(value.encode()) > TEXT_BYTES:
                    reason = f"{column.name} {_short(value)} has more than {TEXT_BYTES} bytes"
                    self._faults.append((line, reason, False))

    def _remark(
        self, column: Column, values: Sequence[str], lines: Sequence[int], bad: Mapping[str, str]
    ) -> None:
        """Count the values that dbt treats in a special way."""
        said = {
            value: what for value in set(values) - bad.keys() if value and (what := column.kind.remark(value))
        }
        for line, value in zip(lines, values, strict=True) if said else ():
            if value in said:
                first = f"{self._path.name}:{line}: {_short(value)}"
                self._problems.remark(f"{self._table.name}.{column.name}", said[value], Remark(first, 1))

    def _report(self) -> None:
        for line, reason, typed in sorted(self._faults):
            self._problems.add(f"{self._path.name}:{line}", reason, typed=typed)
        self._faults.clear()

    def _undecodable(self) -> None:
        is_utf_8 = self._encoding == UTF_8
        line = f"{self._path.name}:{_undecodable_line(self._path)}" if is_utf_8 else self._path.name
        name = "UTF-8" if is_utf_8 else self._encoding
        self._problems.add(line, f"is not {name}; name the encoding of the files, such as --encoding cp1252")

    def _repeats(self, column: Column, values: list[tuple[str, int]]) -> Iterator[tuple[int, str, bool]]:
        for value, line in values:
            first = self._seen.setdefault(int(value), line)
            if first != line:
                yield (
                    line,
                    f"{column.name} {_short(value)} is already the {column.name} of line {first}",
                    False,
                )


def _faults(column: Column, values: Sequence[str]) -> dict[str, str]:
    """Map each faulty value to the reason."""
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
