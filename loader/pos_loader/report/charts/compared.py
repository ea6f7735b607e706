"""Charts that compare: ranked and paired bars, shares, the ABC curve, the heat map."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pos_loader.report.charts.names import label
from pos_loader.report.charts.specs import PERCENT, SHORT, TIP, Rows, Spec, chart, kinds
from pos_loader.report.charts.theme import Palette

CLASSES = {"class A": "first", "class B": "second", "class C": "third"}


def ranked_bars(rows: Rows, colour: Palette, width: int) -> Spec:
    """Draw horizontal bars in the given order, each with a name beside it and a value at its end."""
    names = _rows_of_names(rows, colour, round(0.42 * width))
    amounts = [0.0, *(row["value"] for row in rows)]
    low, high = min(amounts), max(amounts)
    # This leaves room for the text beside the longest bar.
    span = (high - low) * (1 + 110 / width) or 1
    scale = {"domain": [low, low + span], "nice": False}
    values = {"field": "value", "type": "quantitative", "axis": None, "scale": scale}
    bars = {
        "mark": {"type": "bar", "height": {"band": 0.66}, "cornerRadiusEnd": 2},
        "encoding": {
            "x": values,
            "y": names,
            "color": {"field": "colour", "type": "nominal", "scale": None},
            "description": TIP,
        },
    }
    ends = {
        "mark": {"type": "text", "aria": False, "align": "left", "dx": 6, "color": colour["muted"]},
        "encoding": {"x": {**values, "field": "end"}, "y": names, "text": {"field": "text"}},
    }
    shown = [
        {
            **{name: value for name, value in row.items() if name != "name"},
            "at": at,
            "end": max(row["value"], 0),
            "colour": colour[row.get("paint", "first")],
        }
        for at, row in enumerate(rows)
    ]
    return chart(colour, width, {"step": 26}, shown, layer=[bars, ends])


def _rows_of_names(rows: Rows, colour: Palette, width: int) -> Spec:
    """Give each row a band, by its number `at`: names may be equal, or become equal when they are cut."""
    labels = json.dumps([label(str(row["name"]), width) for row in rows])
    axis = {"domain": False, "ticks": False, "labelColor": colour["ink"], "labelPadding": 8}
    return {
        "field": "at",
        "type": "ordinal",
        "title": None,
        "axis": {**axis, "labelExpr": f"{labels}[datum.value]"},
    }


def curve(rows: Rows, colour: Palette, width: int) -> Spec:
    """Draw the share of revenue that the first products bring, coloured by ABC class."""
    percent = {"format": PERCENT, "tickCount": 5}
    return chart(
        colour,
        width,
        240,
        rows,
        mark={"type": "rect"},
        encoding={
            "x": {
                "field": "from",
                "type": "quantitative",
                "scale": {"domain": [0, 1], "nice": False},
                "axis": {**percent, "grid": False, "title": "of all products, the best sold first"},
            },
            "x2": {"field": "to"},
            "y": {
                "field": "share",
                "type": "quantitative",
                "axis": {**percent, "title": "of revenue, added up"},
                "scale": {"zero": True},
            },
            "y2": {"datum": 0},
            "color": kinds(
                colour,
                {name: paint for name, paint in CLASSES.items() if name in {row["kind"] for row in rows}},
            ),
            "description": TIP,
        },
    )


def paired_bars(rows: Rows, colour: Palette, width: int, names: Mapping[str, str]) -> Spec:
    """Draw two bars for each name, on one scale of shares."""
    return chart(
        colour,
        width,
        {"step": 15},
        rows,
        mark={"type": "bar", "cornerRadiusEnd": 2, "height": {"band": 0.86}},
        encoding={
            "x": {
                "field": "share",
                "type": "quantitative",
                "axis": {"format": PERCENT, "tickCount": 4, "title": None, "domain": False, "ticks": False},
            },
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": None,
                "title": None,
                "scale": {"paddingInner": 0.3},
                "axis": {"domain": False, "ticks": False, "labelColor": colour["ink"]},
            },
            "yOffset": {"field": "kind", "sort": list(names)},
            "color": kinds(colour, names),
            "description": TIP,
        },
    )


def columns(rows: Rows, colour: Palette, width: int, *, title: str, by_share: bool) -> Spec:
    """Draw columns of shares or amounts, each with its value above it."""
    x = {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "title": title,
        "axis": {"labelAngle": 0, "ticks": False},
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "axis": {"format": PERCENT, "title": None} if by_share else {"labelExpr": SHORT, "title": None},
        "scale": {"zero": True},
    }
    bars = {
        "mark": {"type": "bar", "cornerRadiusEnd": 2, "color": colour["first"]},
        "encoding": {"x": x, "y": y, "description": TIP},
    }
    ends = {
        "mark": {"type": "text", "aria": False, "dy": -8, "color": colour["muted"], "fontSize": 11},
        "encoding": {"x": x, "y": y, "text": {"field": "text"}},
    }
    return chart(colour, width, 220, rows, layer=[bars, ends])


def heat_map(rows: Rows, colour: Palette, width: int, *, top: float) -> Spec:
    """Draw shares by row and column, darker for more, with the figures in the cells; `top` is the darkest."""
    x = {"field": "column", "type": "ordinal", "axis": {"orient": "top", "labelAngle": 0, "ticks": False}}
    x["title"] = "months since the first order"
    y = {
        "field": "row",
        "type": "ordinal",
        "sort": None,
        "title": None,
        "axis": {"ticks": False, "labelColor": colour["ink"]},
    }
    cells = {
        "mark": {"type": "rect", "fill": colour["heat"], "stroke": colour["card"], "strokeWidth": 1.5},
        "encoding": {
            "x": x,
            "y": y,
            "fillOpacity": {
                "field": "share",
                "type": "quantitative",
                "scale": {"domain": [0, top], "range": [0.05, 1], "clamp": True},
                "legend": None,
            },
            "description": TIP,
        },
    }
    inside = {
        "mark": {"type": "text", "aria": False, "fontSize": 11, "color": colour["ink"]},
        "encoding": {"x": x, "y": y, "text": {"field": "text"}},
    }
    return chart(colour, width, {"step": 24}, rows, layer=[cells, inside])


def shares(rows: Rows, colour: Palette, width: int, names: Mapping[str, str]) -> Spec:
    """Draw one bar for each name, divided by kind; a bar is as long as the sum of its parts."""
    bars = list(dict.fromkeys(row["name"] for row in rows))
    shown = [{**row, "at": bars.index(row["name"])} for row in rows]
    return chart(
        colour,
        width,
        {"step": 34},
        shown,
        mark={"type": "bar", "height": {"band": 0.6}, "stroke": colour["card"]},
        encoding={
            "x": {
                "field": "value",
                "type": "quantitative",
                "stack": "zero",
                "axis": {"labelExpr": SHORT, "tickCount": 4, "title": None, "domain": False},
            },
            "y": _rows_of_names([{"name": each} for each in bars], colour, round(0.45 * width)),
            "color": kinds(colour, names),
            "order": {"field": "order", "type": "quantitative"},
            "description": TIP,
        },
    )
