"""The page as a reader who has no eyes for style: its figures, tables, headings, anchors and images."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser

Cell = str | Decimal
Attributes = list[tuple[str, str | None]]


@dataclass
class Page(HTMLParser):
    """A parsed page: cells are the `value` of a `<data>` element where they hold one, else their text."""

    figures: dict[str, Decimal] = field(default_factory=dict)
    """By `data-figure`."""
    tables: dict[str, list[list[Cell]]] = field(default_factory=dict)
    """Bodies by caption."""
    headings: list[tuple[int, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    """The text alternatives."""
    notes: list[str] = field(default_factory=list)
    tags: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    shown: dict[str, Decimal] = field(default_factory=dict)
    """Every `<data>` element's value by its text."""
    spelled: list[tuple[Decimal, str]] = field(default_factory=list)
    """The same, one by one."""
    tips: list[str] = field(default_factory=list)
    """What hovering shows."""
    labels: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The texts within the drawings, by the figure's id."""

    def __post_init__(self) -> None:
        super().__init__()
        self._text, self._figure, self._caption = "", "", ""
        self._value: Decimal | None = None
        self._in_head = False
        self._in_figure = ""

    @classmethod
    def of(cls, html: str) -> Page:
        """Parse a page."""
        page = cls()
        page.feed(html)
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags[tag] += 1
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a":
            self.links.append(found["href"])
        if tag == "figure":
            self._in_figure = found["id"]
        if "data-tip" in found:
            self.tips.append(found["data-tip"])
        if found.get("role") == "img":
            self.images.append(found["aria-label"])
        if "data-figure" in found:
            self._figure = found["data-figure"]
        if tag in ("th", "td", "caption", "h1", "h2", "h3", "p", "text"):
            self._text, self._value = "", None
        if tag == "thead":
            self._in_head = True
        if tag == "tr" and not self._in_head:
            self.tables[self._caption].append([])
        if tag == "data":
            self._value = value = Decimal(found["value"])
            if self._figure:
                self.figures.setdefault(self._figure, value)
                self._figure = ""
            self._shown_from = len(self._text)

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        text = " ".join(self._text.split())
        if tag == "caption":
            self._caption = text
            assert text not in self.tables, f"two tables are called {text}"
            self.tables[text] = []
        elif tag == "thead":
            self._in_head = False
        elif tag in ("th", "td") and not self._in_head:
            self.tables[self._caption][-1].append(text if self._value is None else self._value)
        elif tag in ("h1", "h2", "h3"):
            self.headings.append((int(tag[1]), text))
        elif tag == "p":
            self.notes.append(text)
        elif tag == "text":
            self.labels[self._in_figure].append(text)
        elif tag == "data" and self._value is not None:
            self.spelled.append((self._value, self._text[self._shown_from :]))
            self.shown[self._text[self._shown_from :]] = self._value

    def column(self, caption: str, index: int) -> list[Cell]:
        """One column of a table."""
        return [row[index] for row in self.tables[caption]]
