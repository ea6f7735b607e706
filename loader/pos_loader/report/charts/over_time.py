"""Charts over time: months, days, and the small lines beside the headline figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pos_loader.report.charts.specs import NARROW, TIP, Rows, Spec, amount, chart, kinds
from pos_loader.report.charts.theme import Palette

MONTH = {"field": "month", "type": "temporal", "timeUnit": "utcyearmonth", "title": None}


def month_bars(rows: Rows, colour: Palette, width: int, names: Mapping[str, str], *, average: str) -> Spec:
    """Draw the revenue of months as bars and a mean as a line; `names` maps kinds of bars to colours."""
    has_line = any(row["average"] is not None for row in rows)
    shown = {**names, average: "first"} if has_line else names
    bars = {
        "mark": {"type": "bar", "binSpacing": 1},
        "encoding": {
            "x": {**MONTH, "axis": _month_axis(rows, width)},
            "y": amount("revenue"),
            "stroke": {
                "condition": {"test": "datum.kind == 'incomplete month'", "value": colour["soft"]},
                "value": None,
            },
            "color": kinds(colour, shown),
            "description": TIP,
        },
    }
    line = {
        "transform": [{"filter": "isValid(datum.average)"}],
        "mark": {"type": "line", "aria": False, "strokeWidth": 2.5, "interpolate": "monotone"},
        "encoding": {
            "x": {**MONTH, "bandPosition": 0.5},
            "y": {"field": "average", "type": "quantitative"},
            "color": {"datum": average},
        },
    }
    return chart(colour, width, 260, rows, layer=[bars, line] if has_line else [bars])


def daily_lines(rows: Rows, colour: Palette, width: int, names: Mapping[str, str]) -> Spec:
    """Draw the revenue of days as faint bars, with the means of 7 and 28 days that `names` has."""
    x = {"field": "day", "type": "temporal", "scale": {"type": "utc"}, "title": None}
    axis = {"grid": False, "format": "%-d %b", "labelFlush": True, "tickCount": 3 if width < NARROW else 7}
    layers: list[Spec] = [
        {
            "mark": {"type": "bar", "width": max(1.0, 0.7 * (width - 60) / max(len(rows), 1))},
            "encoding": {
                "x": {**x, "axis": axis},
                "y": amount("revenue"),
                "color": kinds(colour, names),
                "description": TIP,
            },
        }
    ]
    for field, name, stroke in (("week", "mean of 7 days", 1.5), ("weeks", "mean of 28 days", 2.5)):
        if name not in names:
            continue
        layers.append(
            {
                "transform": [{"filter": f"isValid(datum.{field})"}],
                "mark": {"type": "line", "aria": False, "strokeWidth": stroke},
                "encoding": {"x": x, "y": {"field": field, "type": "quantitative"}, "color": {"datum": name}},
            }
        )
    return chart(colour, width, 240, rows, layer=layers)


def stacked_months(rows: Rows, colour: Palette, width: int, names: Mapping[str, str]) -> Spec:
    """Draw the revenue of months by kind; `names` maps kinds to colours, in stacking order."""
    return chart(
        colour,
        width,
        240,
        rows,
        mark={"type": "bar", "binSpacing": 1, "stroke": colour["card"], "strokeWidth": 0.5},
        encoding={
            "x": {**MONTH, "axis": _month_axis(rows, width)},
            "y": {**amount("revenue"), "stack": "zero"},
            "color": kinds(colour, names),
            "order": {"field": "order", "type": "quantitative"},
            "description": TIP,
        },
    )


def spark(values: Sequence[float | None], colour: Palette, width: int) -> Spec:
    """Draw a line without axes, on a scale that begins at zero, with a mark on its last point."""
    rows = [{"at": at, "value": value} for at, value in enumerate(values) if value is not None]
    x = {"field": "at", "type": "quantitative", "axis": None, "scale": {"nice": False}}
    y = {"field": "value", "type": "quantitative", "axis": None, "scale": {"zero": True}}
    line = {"mark": {"type": "line", "aria": False, "strokeWidth": 1.75, "color": colour["third"]}}
    dot = {
        "transform": [{"filter": f"datum.at == {len(values) - 1}"}],
        "mark": {
            "type": "point",
            "aria": False,
            "filled": True,
            "size": 44,
            "color": colour["first"],
            "opacity": 1,
        },
    }
    layers = [{**each, "encoding": {"x": x, "y": y}} for each in (line, dot)]
    return chart(colour, width, 52, rows, layer=layers)


def _month_axis(rows: Rows, width: int) -> Spec:
    """Label the middle of Januaries, or of quarters or months if there is room."""
    months = sorted({row["month"] for row in rows})
    room = max(2, width // 75)
    step = next(each for each in (1, 2, 3, 6, 12, 24, 60, 120, 1200) if len(months) <= each * room)
    shown = [each for each in months if (12 * int(each[:4]) + int(each[5:7]) - 1) % step == 0]
    times = [
        datetime.fromisoformat(f"{each[:7]}-16").replace(tzinfo=UTC).timestamp() * 1000 for each in shown
    ]
    return {
        "grid": False,
        "values": times,
        "format": "%Y" if step >= 12 else "%b %Y",
        "labelAlign": "center",
    }
