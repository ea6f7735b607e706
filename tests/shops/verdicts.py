"""Values of POS columns, and whether every layer accepts them: values.yml, and texts at the limit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pos_sandbox.pos_schema import TABLES
from pos_sandbox.values import Kind

MISSING, PLACEHOLDER, UNREADABLE = "<missing>", "<placeholder>", "<unreadable>"
COLUMNS = {
    "integer": ("product", "availableQuantity"),
    "money": ("product", "currentPrice"),
    "text": ("product", "name"),
    "birthdate": ("customer", "birthdate"),
    "moment": ("order", "datePlaced"),
}
"""The column that each section of values.yml is tried in."""
LENGTHS = {"firstName": 512, "address1": 512, "phone": 128, "zip": 64}
"""Characters of some texts of a customer."""


@dataclass(frozen=True)
class Case:
    """One value of one column. `published` is the resulting value, None if there is none."""

    table: str
    column: str
    value: str
    verdict: str
    only_as_text: bool = False

    @property
    def published(self) -> str | None:
        """The value that marts and documents have."""
        return None if self.verdict in (MISSING, PLACEHOLDER, UNREADABLE) else self.verdict

    @property
    def kind(self) -> Kind:
        """The kind of column that the import assumes."""
        (table,) = (each for each in TABLES if each.name == self.table)
        return next(column.kind for column in table.columns if column.name == self.column)


def cases() -> list[Case]:
    """Every value, with texts that just fit and texts that do not."""
    sections: dict[str, list[list[Any]]] = yaml.safe_load((Path(__file__).parent / "values.yml").read_text())
    dates = sections.pop("date")
    found = [
        Case(*COLUMNS[section], value, verdict, bool(only_as_text))
        for section, values in sections.items()
        for value, verdict, *only_as_text in values + dates * (section in ("birthdate", "moment"))
    ]
    for column, length in LENGTHS.items():
        fits, too_long = "é" * (length - 1) + "🛒", "é" * (length + 1)
        found.append(Case("customer", column, fits, fits.upper() if column == "zip" else fits))
        found.append(Case("customer", column, too_long, UNREADABLE, only_as_text=True))
    return found
