"""What all Vega-Lite charts share: plain dictionaries made of rows, a palette and a width.

Bars always begin at zero, and lines share the zero of the bars beside them. The page shows the `tip` of a row
when the pointer is on it. Numbers are floats here, only for drawing. A width is that of the whole chart, in
pixels.
Source: https://vega.github.io/vega-lite/docs/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pos_loader.report.charts.theme import Palette, config

Spec = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

SHORT = "abs(datum.value) < 1000 ? format(datum.value, ',~r') : replace(format(datum.value, '~s'), 'G', 'B')"
"""Axis labels as 0.5, 250k, 1.2M, 3B; `~s` alone would say 500m for 0.5."""
PERCENT = "~%"
"""Axis labels as 20%, or 0.2% where all are small."""
TIP = {"field": "tip", "type": "nominal"}
NARROW = 500
"""A chart below this width is for a phone: it has fewer labels."""


def chart(colour: Palette, width: int, height: int | Mapping[str, int], rows: Rows, **rest: Any) -> Spec:
    """Return a whole specification; `height` is that of the chart, or a mapping with that of one step."""
    return {
        "width": width,
        "height": height,
        "autosize": {"type": "fit" if isinstance(height, int) else "fit-x", "contains": "padding"},
        "padding": {"left": 6, "right": 10, "top": 4, "bottom": 2},
        "data": {"values": list(rows)},
        "config": config(colour, legend_columns=2 if width < 400 else 4),
        **rest,
    }


def amount(field: str) -> Spec:
    """Return a vertical axis of amounts that begins at zero."""
    axis = {"labelExpr": SHORT, "title": None}
    return {"field": field, "type": "quantitative", "axis": axis, "scale": {"zero": True}}


def kinds(colour: Palette, names: Mapping[str, str]) -> Spec:
    """Return colours by `kind`, with a legend if there is more than one kind."""
    scale = {"domain": list(names), "range": [colour[name] for name in names.values()]}
    legend = {} if len(names) > 1 else {"legend": None}
    return {"field": "kind", "type": "nominal", "scale": scale, "sort": list(names), **legend}
