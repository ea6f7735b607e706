"""`python -m benchmarks.growth`: the cost per line, and the memory, of ten times the lines.

Both sizes take turns on the same servers, so that a noisy minute affects both. CPU seconds are the client's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from benchmarks.measure import Samples, measure
from benchmarks.prepare import prepare
from benchmarks.report import markdown
from benchmarks.servers import servers

CONTENDERS = "raw insert", "documents, every byte verified", "load --full-refresh", "load, nothing changed"
HEADS = ("contender", "lines", "s per million lines", "CPU s per million lines", "peak MB", "runs")


def main(
    lines: Annotated[int, typer.Option(help="Order lines of the smaller size, about.")] = 2_000_000,
    more: Annotated[int, typer.Option(help="Order lines of the larger size, about.")] = 20_000_000,
    runs: Annotated[int, typer.Option(help="Runs of each contender and size.")] = 3,
    folder: Annotated[Path, typer.Option(help="Where data and results go.")] = Path("target/bench"),
    mariadb_port: Annotated[int, typer.Option()] = 35306,
    mongod_port: Annotated[int, typer.Option()] = 35117,
) -> None:
    """Measure time for each line and peak memory at two sizes; write results/growth.md and .json."""
    folder = folder.resolve()
    interpreters = dict.fromkeys(CONTENDERS, sys.executable)
    with servers(folder, mariadb_port=mariadb_port, store_port=mongod_port) as running:
        sizes = (lines, more)
        settings = {
            size: prepare(folder, size, mariadb_port=mariadb_port, mongo_uri=running.mongo_uri)
            for size in sizes
        }
        turns = [
            {size: measure(interpreters, settings[size], running, runs=1) for size in sizes}
            for _ in range(runs)
        ]
    found = [_row(name, size, [turn[size][name] for turn in turns]) for name in CONTENDERS for size in sizes]
    results = folder / "results"
    results.mkdir(exist_ok=True)
    (results / "growth.json").write_text(json.dumps(found, indent=2) + "\n")
    table = markdown([tuple(map(str, row)) for row in found], HEADS)
    (results / "growth.md").write_text(table + "\n")
    print(table)


def _row(name: str, size: int, samples: list[Samples]) -> tuple[str, str, str, str, str, int]:
    millions = size / 1_000_000
    return (
        name,
        f"{size:,}",
        f"{median(each.median for each in samples) / millions:.2f}",
        f"{median(each.cpu_of('client') for each in samples) / millions:.2f}",
        f"{max(each.peak for each in samples) / 1e6:,.0f}",
        len(samples),
    )


if __name__ == "__main__":
    typer.run(main)
