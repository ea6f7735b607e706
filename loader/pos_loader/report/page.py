"""The page: sections and drawings are put into the template, everything in one file.

Jinja2 escapes every text that is neither `Markup` of `words` nor a drawing of `draw`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import jinja2
from markupsafe import Markup, escape

from pos_loader.report.charts import draw, over_time
from pos_loader.report.charts.theme import DARK, LIGHT, PAGE
from pos_loader.report.parts import words
from pos_loader.report.parts.blocks import Chart, Section
from pos_loader.report.read.figures import Figures
from pos_loader.report.read.health import Health
from pos_loader.report.read.read import Mart
from pos_loader.report.sections import (
    customers,
    headline,
    loads,
    places,
    products,
    quality,
    sales,
    source,
    stock,
    undated,
    unusual,
)

FULL, HALF, PHONE, SPARK = 860, 415, 340, 130
"""Widths of charts, in pixels of the page."""


@dataclass(frozen=True)
class Drawing:
    """A chart drawn twice: for a screen or paper, and for a phone."""

    wide: Markup
    narrow: Markup


def sections_of(found: Figures, health: Health) -> tuple[Section, ...]:
    """Return all sections below the headline figures, in order."""
    return (
        sales.trend(found),
        sales.new_and_returning(found),
        places.places(found),
        products.sales(found),
        customers.value(found),
        customers.retention(found),
        products.pairs(found),
        stock.inventory(found),
        unusual.orders(found),
        undated.sales_and_returns(found),
        source.numbers(found),
        quality.tests_and_rows(found, health),
        loads.load(health),
    )


def _span(found: Figures) -> Markup:
    """Say from which day to which day the dated orders are."""
    first, last = source.dates(found)
    if first is None or last is None:
        return sales.no_dates(found)
    if first == last:
        return escape(first)
    return Markup("{} to {}").format(first, last)


def charts_of(sections: Sequence[Section]) -> Iterator[Chart]:
    """Yield the charts of the page, in order."""
    for section in sections:
        yield from (block for block in section.blocks if isinstance(block, Chart))


def width_of(chart: Chart) -> int:
    """Return the width of a chart on a screen."""
    return HALF if chart.is_half else FULL


def drawings(charts: Sequence[Chart], step: Callable[[], None]) -> dict[str, Drawing]:
    """Draw the charts, by key; `step` is called after each."""
    drawn = {}
    for chart in charts:
        narrow = chart.narrow or chart.spec
        drawn[chart.key] = Drawing(
            draw.picture(chart.spec(PAGE, width_of(chart))), draw.picture(narrow(PAGE, PHONE))
        )
        step()
    return drawn


def render(
    found: Figures,
    sections: Sequence[Section],
    drawn: Mapping[str, Drawing],
    marts: Mapping[str, Mart],
    *,
    schema: str,
    made_at: datetime,
) -> str:
    """Fill in the template."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pos_loader.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "plain": lambda text: escape(text).striptags(),
        "figure": lambda each: words.money(each.value) if each.is_money else words.count(each.value),
    }
    period = headline.last_complete(found)
    sparks = [
        draw.picture(over_time.spark([None if v is None else float(v) for v in each.spark], PAGE, SPARK))
        if len(each.spark) > 1
        else ""
        for each in (period.headlines if period else ())
    ]
    return environment.get_template("report.html.j2").render(
        figures=found,
        period=period,
        sparks=sparks,
        sections=sections,
        drawn=drawn,
        marts=marts,
        themes={"light": LIGHT, "dark": DARK},
        schema=schema,
        made_at=f"{made_at:%-d %B %Y, %H:%M} UTC",
        span=_span(found),
        asides=headline.aside(period) if period else "",
        words=words,
    )
