"""What all charts share, as Vega-Lite: plain dictionaries, from rows of plain values, a palette and a width.

Bars begin at zero, always; lines share the zero of the bars beside them. `tip` of a row is what hovering
shows. Numbers are floats here, for drawing only. Widths are pixels, the whole chart's.
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
"""Below this a chart is for a phone: fewer labels, less beside the bars."""


def chart(colour: Palette, width: int, height: int | Mapping[str, int], rows: Rows, **rest: Any) -> Spec:
    """A whole specification; a height of one number is the whole chart's, else it is that of a step."""
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
    """A vertical axis of amounts, from zero."""
    axis = {"labelExpr": SHORT, "title": None}
    return {"field": field, "type": "quantitative", "axis": axis, "scale": {"zero": True}}


def kinds(colour: Palette, names: Mapping[str, str]) -> Spec:
    """Colours by `kind`, with a legend where there is more than one."""
    scale = {"domain": list(names), "range": [colour[name] for name in names.values()]}
    legend = {} if len(names) > 1 else {"legend": None}
    return {"field": "kind", "type": "nominal", "scale": scale, "sort": list(names), **legend}
