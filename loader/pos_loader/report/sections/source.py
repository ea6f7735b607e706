"""The data in numbers: what is missing or odd, the range of values, and the source before cleaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from pos_loader.report.parts.blocks import Cell, Section, Table
from pos_loader.report.parts.words import count, day, key, money, price
from pos_loader.report.read import figures
from pos_loader.report.read.figures import Figures
from pos_loader.report.read.numbers import COUNTS, RANGES

HALVES = {
    "Customers and orders": ("dim_customers", "fct_orders"),
    "Order lines and products": ("fct_order_lines", "dim_products"),
}
SPELL: Mapping[str, Callable[[Any], Cell]] = {
    "count": count,
    "key": key,
    "day": day,
    "money": money,
    "price": price,
}


def numbers(found: Figures) -> Section:
    """Show what is in the marts and in the source."""
    lead = (
        "What is missing or odd, how far values reach, and what the source holds before it is cleaned. "
        "The totals include all of it."
    )
    return Section("numbers", "The data in numbers", lead, (*_counts(found), _ranges(found), _profile(found)))


def _counts(found: Figures) -> Iterator[Table]:
    values = dict(zip(COUNTS, found.counts, strict=True))
    for title, marts in HALVES.items():
        rows = [
            (wanted.label, money(value or Decimal(0)) if wanted.is_money else count(value or 0))
            for mart in marts
            for wanted, value in zip(COUNTS[mart], values[mart], strict=True)
        ]
        yield Table(title, ("What", "Number"), rows, source=marts, is_half=True)


def dates(found: Figures) -> tuple[str | None, str | None]:
    """Return the first and the last day of an order; none where no order has a date."""
    for asked, pairs in zip(RANGES.values(), found.ranges, strict=True):
        for wanted, (least, most) in zip(asked, pairs, strict=True):
            if wanted.kind == "day" and least is not None:
                return day(least), day(most)
    return None, None


def _ranges(found: Figures) -> Table:
    rows = [
        (wanted.label, *map(SPELL[wanted.kind], values))
        for mart, pairs in zip(RANGES.values(), found.ranges, strict=True)
        for wanted, values in zip(mart, pairs, strict=True)
    ]
    return Table("Least and most", ("Of", "Least", "Most"), rows, source=tuple(RANGES))


def _profile(found: Figures) -> Table:
    return Table(
        "The source, column by column",
        ("Column", "Rows", "Empty", "With outer spaces", "Beyond ASCII", "Longest"),
        [
            (
                column.source_column,
                *map(
                    count,
                    (
                        column.count_rows,
                        column.count_empty,
                        column.count_untrimmed,
                        column.count_not_ascii,
                        column.longest,
                    ),
                ),
            )
            for column in found.profile
        ],
        note="One row per column of the POS tables; the longest value in characters.",
        source=(figures.SourceColumn.MART,),
    )
