"""What data on stdout looks like: aligned columns, tab-separated values, or JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, islice

from rich.cells import cell_len

READ_AHEAD = 200
"""Rows that are read before the first line is printed; their cells set the widths of the columns."""
_BREAKS = re.compile(r"[\t\r\n]+")
"""What would end a cell or a row."""

Row = Sequence[str]


class Format(StrEnum):
    """What a command prints; `auto` is a table on a terminal and tab-separated values elsewhere."""

    AUTO = "auto"
    TABLE = "table"
    TSV = "tsv"
    JSON = "json"


def aligned(
    heads: Row, rows: Iterable[Row], *, width: int | None, heading: Callable[[str], str] = str
) -> Iterator[str]:
    """Yield a table in aligned columns, its heads first; `heading` styles them.

    A table wider than `width` is yielded as records: one line per cell, an empty line between two rows.
    `width` none is no limit. Rows after the first `READ_AHEAD` may be wider than the columns.

    >>> sales = [("Tea", "12"), ("Coffee", "7")]
    >>> print(*aligned(("product", "units"), sales, width=80), sep="\\n")
    product  units
    Tea      12
    Coffee   7
    >>> print(*aligned(("product", "units"), sales, width=12), sep="\\n")
    product  Tea
    units    12
    <BLANKLINE>
    product  Coffee
    units    7
    """
    first, rest = _read_ahead(rows)
    widths = [max(map(cell_len, column)) for column in zip(heads, *first, strict=True)]
    if first and width is not None and sum(widths) + 2 * (len(widths) - 1) > width:
        yield from _records(heads, chain(first, rest), heading)
        return
    yield heading(_padded(heads, widths))
    for row in chain(first, rest):
        yield _padded(row, widths)


def tab_separated(heads: Row, rows: Iterable[Row]) -> Iterator[str]:
    """Yield a table as tab-separated values, its heads first."""
    first, rest = _read_ahead(rows)
    for row in chain([heads], first, rest):
        yield "\t".join(row)


def _read_ahead(rows: Iterable[Row]) -> tuple[Sequence[Row], Iterator[Row]]:
    """Read the first rows, so that a query that fails prints no heads; tabs and line ends become blanks."""
    plain = ([_BREAKS.sub(" ", cell) for cell in row] for row in rows)
    return list(islice(plain, READ_AHEAD)), plain


def _records(heads: Row, rows: Iterable[Row], heading: Callable[[str], str]) -> Iterator[str]:
    width = max(map(cell_len, heads))
    for number, row in enumerate(rows):
        if number:
            yield ""
        for head, cell in zip(heads, row, strict=True):
            yield f"{heading(_fill(head, width))}  {cell}".rstrip()


def _padded(cells: Row, widths: Sequence[int]) -> str:
    return "  ".join(map(_fill, cells, widths)).rstrip()


def _fill(cell: str, width: int) -> str:
    return cell + " " * (width - cell_len(cell))
