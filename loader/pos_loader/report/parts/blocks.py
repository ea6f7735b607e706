"""Blocks of the page: sections of charts, tables and notes. The template decides how they look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pos_loader.report.charts.specs import Spec
from pos_loader.report.charts.theme import Palette

Cell = str | Markup
"""The template escapes text, but not the Markup that `words` makes."""


@dataclass(frozen=True)
class Table:
    """Rows under heads; `title` is the caption.

    `text_columns` (counted from 0) are aligned left; the others are numbers. On a narrow screen, the table
    scrolls by itself.
    """

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    text_columns: tuple[int, ...] = (0,)
    note: Cell = ""
    source: tuple[str, ...] = ()
    is_half: bool = False
    kind: str = "table"


@dataclass(frozen=True)
class Chart:
    """A drawing, with what it shows in words (`finding`), the marts it is from (`source`), and its data.

    `spec` draws it with a palette, in a width in pixels. `narrow` draws less of it, for a phone.
    """

    key: str
    title: str
    finding: Cell
    source: tuple[str, ...]
    definition: str
    spec: Callable[[Palette, int], Spec]
    data: Table
    is_half: bool = False
    narrow: Callable[[Palette, int], Spec] | None = None
    kind: str = "chart"


@dataclass(frozen=True)
class Note:
    """A paragraph; `tone` is "plain", "good" or "bad"."""

    text: Cell
    tone: str = "plain"
    kind: str = "note"


Block = Chart | Table | Note


@dataclass(frozen=True)
class Section:
    """A part of the page under one heading."""

    key: str
    title: str
    lead: Cell
    blocks: tuple[Block, ...]
