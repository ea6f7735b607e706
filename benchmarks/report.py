"""Writes the samples as a table of ratios, a chart and JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import psutil
import vl_convert

from benchmarks.contenders import CONTENDERS
from benchmarks.measure import Samples

LIMIT, LAID_OUT, REFRESH = "raw insert", "raw insert, then indexes", "load --full-refresh"
HEADS = (
    *("contender", "seconds", "k lines/s", "of raw insert", "of raw insert + indexes", "of full refresh"),
    *("CPU s client", "MariaDB", "MongoDB", "peak MB", "runs"),
)


def machine(versions: Mapping[str, str]) -> str:
    """One line: cores, memory, the servers' versions."""
    memory = round(psutil.virtual_memory().total / 2**30)
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{psutil.cpu_count()} cores, {memory} GB, {platform.system()} {platform.machine()}; {named}"


def table(samples: Mapping[str, Samples], lines: int) -> list[tuple[str, ...]]:
    """One row per contender; a ratio compares speeds: 1 is as fast, 2 is twice as fast."""
    medians = {name: each.median for name, each in samples.items()}

    def against(name: str, other: str) -> str:
        return f"{medians[other] / medians[name]:.2f}" if other in medians else ""

    return [
        (
            name,
            f"{each.median:.2f}",
            f"{lines / each.median / 1000:,.0f}",
            against(name, LIMIT),
            against(name, LAID_OUT),
            against(name, REFRESH),
            *(f"{each.cpu_of(who):.2f}" for who in ("client", "mariadb", "mongodb")),
            f"{each.peak / 1e6:,.0f}",
            str(len(each.seconds)),
        )
        for name, each in samples.items()
    ]


def markdown(rows: Sequence[tuple[str, ...]], heads: Sequence[str] = HEADS) -> str:
    """A Markdown table."""
    head = f"| {' | '.join(heads)} |"
    rule = f"| --- |{' ---: |' * (len(heads) - 1)}"
    return "\n".join([head, rule, *(f"| {' | '.join(row)} |" for row in rows)])


def write(samples: Mapping[str, Samples], path: Path, *, lines: int, about: Mapping[str, str]) -> None:
    """Write the same to `path` with .json, .md and .svg."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {**about, "lines": lines, "contenders": [asdict(each) for each in samples.values()]}
    path.with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n")
    described = "\n".join(f"- {name}: {value}" for name, value in about.items())
    text = f"{described}\n- lines: {lines:,}\n\n{markdown(table(samples, lines))}\n"
    path.with_suffix(".md").write_text(text)
    path.with_suffix(".svg").write_text(vl_convert.vegalite_to_svg(_chart(samples, lines)))


def _chart(samples: Mapping[str, Samples], lines: int) -> dict[str, object]:
    """A Vega-Lite bar chart of speeds."""
    rows = [
        {"contender": name, "speed": lines / each.median / 1000, "kind": CONTENDERS[name].kind}
        for name, each in samples.items()
    ]
    fastest = sorted(samples, key=lambda name: samples[name].median)  # Vega-Lite cannot sort layers by value
    colours = {"domain": ["limit", "pos-loader", "peer"], "range": ["#9aa5b1", "#1f6f8b", "#d08c60"]}
    bars = {"mark": "bar", "encoding": {"color": {"field": "kind", "title": None, "scale": colours}}}
    text = {"field": "speed", "format": ",.0f"}
    axis = {"labelLimit": 260, "minExtent": 190}  # where its letters are wider than those measured here
    labels = {"mark": {"type": "text", "align": "left", "dx": 4}, "encoding": {"text": text}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": rows},
        "width": 520,
        "height": {"step": 24},
        "encoding": {
            "x": {
                "field": "speed",
                "type": "quantitative",
                "title": "thousand order lines per second (median)",
            },
            "y": {"field": "contender", "sort": fastest, "title": None, "axis": axis},
        },
        "layer": [bars, labels],
    }
