"""One palette for page and charts. Colours side by side differ in lightness, so the colour-blind see them.

Charts on the page use the page's CSS properties, so they follow the theme; exported charts are light.
Contrast by WCAG 2.1: `ink`, `muted`, `up` and `down` have 4.5:1 or more on `paper` and `card`, and `ink` also
on `heat`. `first`, `second`, `third` and `soft` have 3:1 or more on `card`, and the first three have 1.5:1 or
more between each other. `pale` fills outlines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Palette = Mapping[str, str]

LIGHT: Palette = {
    "paper": "#f7f6f2",
    "card": "#ffffff",
    "ink": "#1c2530",
    "muted": "#57626e",
    "line": "#dedbd2",
    "grid": "#ebe8e0",
    "first": "#1f5f8b",
    "second": "#a66814",
    "third": "#8a96a2",
    "soft": "#6996bb",
    "pale": "#dde8f0",
    "heat": "#5f93b8",
    "up": "#1a6b52",
    "down": "#a3402a",
}
DARK: Palette = {
    "paper": "#11161b",
    "card": "#192028",
    "ink": "#e9edf0",
    "muted": "#a5b1bc",
    "line": "#35414c",
    "grid": "#27313b",
    "first": "#74b3e0",
    "second": "#f3d190",
    "third": "#7d8b98",
    "soft": "#47718c",
    "pale": "#22374a",
    "heat": "#2f6690",
    "up": "#6cc7a4",
    "down": "#f0927a",
}
PAGE: Palette = {name: f"var(--{name})" for name in LIGHT}
"""The same colours as CSS properties."""

FONT = "Helvetica Neue, Arial, sans-serif"


def config(colour: Palette, *, legend_columns: int) -> dict[str, Any]:
    """Return the Vega-Lite configuration that all charts share."""
    return {
        "background": None,
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": colour["muted"],
            "titleColor": colour["muted"],
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "gridColor": colour["grid"],
            "domainColor": colour["line"],
            "tickColor": colour["line"],
            "labelPadding": 6,
            "labelLimit": 0,  # `names.label` cuts
        },
        "axisY": {"domain": False, "ticks": False, "tickCount": 5},
        "legend": {
            "labelColor": colour["ink"],
            "labelFontSize": 12,
            "labelLimit": 0,
            "orient": "top",
            "title": None,
            "symbolType": "square",
            "symbolSize": 110,
            "symbolStrokeWidth": 3,
            "offset": 8,
            "padding": 0,
            "columnPadding": 24,
            "columns": legend_columns,
        },
        "text": {"fontSize": 12, "color": colour["ink"]},
    }
