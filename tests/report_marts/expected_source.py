"""The profile of the source, worked out again in plain Python from its uncleaned tables."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.project.sources import HEADERS
from tests.report_marts.shop import Shop

CENT = Decimal("0.01")


def source_profile(shop: Shop) -> Iterator[dict[str, Any]]:
    """One row per column of the five tables."""
    for table, columns in HEADERS.items():
        for place, column in enumerate(columns):
            values = [spelled(column, row[place]) for row in shop.tables[table]]
            there = [value for value in values if value is not None]
            yield {
                "source_column": f"{table}.{column}",
                "count_rows": len(values),
                "count_empty": len(values) - sum(bool(value.strip(" ")) for value in there),
                "count_untrimmed": sum(value != value.strip(" ") for value in there),
                "count_not_ascii": sum(not value.isascii() for value in there),
                "longest": max(map(len, there), default=0),
            }


def spelled(column: str, value: Any) -> str | None:
    """A value as text: a price to the cent, a moment as its day, anything else as it is."""
    if value is None:
        return None
    if column == "currentPrice":
        return str(Decimal(value).quantize(CENT, ROUND_HALF_UP))
    return str(value)[:10] if column == "birthdate" or column.startswith("date") else str(value)
