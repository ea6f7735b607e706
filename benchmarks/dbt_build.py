"""`python -m benchmarks.dbt_build`: what dbt adds to SQL by hand, and what an incremental build saves.

Prints JSON lines: one for each model of a second or more (seconds, seconds of the same mart by hand, their
ratio), then one for each run (the full build, the second build after some new orders, their ratio). For the
facts and the slowest report, the SQL by hand is a file in `by_hand`, written freely, with the keys that an
engineer would choose; for all other models it is the statement that dbt ran. One thread builds the models,
so that none waits for another. The SQL by hand runs in the same order, so both find the same pages in memory.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import psutil
import typer

from benchmarks import generate
from benchmarks.servers import source
from pos_sandbox import mariadb

BY_HAND = Path(__file__).with_name("by_hand")
MODELS = ("--resource-type", "model", "--resource-type", "snapshot")
SLOW_SECONDS = 1.0
"""Below, dbt's own time of a node is most of it, and the ratio says nothing about the SQL."""


@dataclass(frozen=True)
class Build:
    """One dbt process: seconds, CPU seconds of dbt and of MariaDB, and seconds of each node."""

    seconds: float
    cpu: dict[str, float]
    nodes: dict[str, float]


@dataclass(frozen=True)
class Project:
    """The dbt project on a source and a target schema of the MariaDB on loopback."""

    port: int
    source: str
    schema: str
    folder: Path
    server: psutil.Process

    def dbt(self, *arguments: str) -> Build:
        """Run dbt; raise `SystemExit` with its output when it fails."""
        command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *arguments]
        command += ["--vars", json.dumps({"pos_schema": self.source}), "--target-path", str(self.folder)]
        environment = {
            **os.environ,
            "POS_MARIADB_PORT": str(self.port),
            "POS_MARIADB_SCHEMA": self.schema,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        before, begun, server = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), self._cpu()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            said = " ".join((done.stdout + done.stderr).split())[-500:]
            raise SystemExit(f"benchmarks: error: dbt {arguments[0]} failed: {said}")
        results = json.loads((self.folder / "run_results.json").read_text())["results"]
        nodes = {each["unique_id"]: float(each["execution_time"]) for each in results}
        client = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Build(seconds, {"dbt": client, "mariadb": self._cpu() - server}, nodes)

    def _cpu(self) -> float:
        times = self.server.cpu_times()
        return float(times.user + times.system)

    def statement(self, model: str) -> str:
        """Return the statements that make `model` by hand, as `<model>__by_hand`."""
        file = BY_HAND / f"{model}.sql"
        if file.exists():
            return file.read_text().replace("{source}", self.source).replace("{schema}", self.schema)
        (ran,) = (self.folder / "run").rglob(f"{model}.sql")
        return ran.read_text().replace(f"`{model}__dbt_tmp`", f"`{model}__by_hand`")

    def by_hand(self, model: str) -> float:
        """Return the seconds that the statements by hand take."""
        with mariadb.connect(port=self.port) as connection:
            cursor = connection.cursor()
            cursor.execute(f"use `{self.schema}`")
            cursor.execute(f"drop table if exists {model}__by_hand")
            cursor.execute(
                "set session tmp_memory_table_size = 268435456, max_heap_table_size = 268435456, "
                "sort_buffer_size = 33554432, optimizer_switch = 'split_materialized=off'"
            )
            cursor.execute("set session transaction isolation level read committed")
            begun = time.perf_counter()
            for statement in self.statement(model).split(";\n"):
                if statement.strip():
                    cursor.execute(statement)
            seconds = time.perf_counter() - begun
            cursor.execute(f"drop table if exists {model}__by_hand")
        return seconds


def models(project: Project, runs: int) -> Iterator[dict[str, Any]]:
    """Time the slow tables, by dbt and by hand in turns and in dbt's order; return medians."""
    whole = project.dbt("build", "--full-refresh", "--threads", "1", *MODELS)
    slow = [
        node.split(".")[2]
        for node, seconds in whole.nodes.items()
        if node.startswith("model.") and seconds >= SLOW_SECONDS
    ]
    built, by_hand = ({name: list[float]() for name in slow} for _ in range(2))
    for _ in range(runs):
        again = project.dbt("run", "--full-refresh", "--threads", "1", "--select", *slow)
        for name in slow:
            built[name].append(again.nodes[f"model.pos.{name}"])
        for name in slow:
            by_hand[name].append(project.by_hand(name))
    for name in slow:
        seconds, alone = median(built[name]), median(by_hand[name])
        yield {
            "model": name,
            "seconds": round(seconds, 2),
            "by_hand": round(alone, 2),
            "ratio": round(seconds / alone, 2),
            "written_freely": (BY_HAND / f"{name}.sql").exists(),
        }


def builds(project: Project, scale: generate.Scale, *, share: float) -> dict[str, Any]:
    """Build all with its tests, add orders, build again."""
    full = project.dbt("build", "--full-refresh")
    generate.add(project.port, project.source, scale, share=share)
    second = project.dbt("build")
    return {
        "full": round(full.seconds, 1),
        "second": round(second.seconds, 1),
        "ratio": round(second.seconds / full.seconds, 3),
        "cpu": {
            name: {who: round(value, 1) for who, value in each.cpu.items()}
            for name, each in (("full", full), ("second", second))
        },
        "tests": {
            name: round(sum(value for node, value in each.nodes.items() if node.startswith("test.")), 1)
            for name, each in (("full", full), ("second", second))
        },
        "slowest": {
            name: {
                node.split(".")[2]: round(value, 2)
                for node, value in sorted(each.nodes.items(), key=lambda item: -item[1])[:12]
            }
            for name, each in (("full", full), ("second", second))
        },
    }


def main(
    lines: Annotated[int, typer.Option(help="Order lines, about.")] = 2_000_000,
    share: Annotated[float, typer.Option(help="New orders before the second build.")] = 0.01,
    runs: Annotated[int, typer.Option(help="Runs of each model and build.")] = 3,
    only: Annotated[str, typer.Option(help="models or builds; empty: both.")] = "",
    folder: Annotated[Path, typer.Option(help="Where data and results go.")] = Path("target/bench-dbt"),
    mariadb_port: Annotated[int, typer.Option()] = 35307,
) -> None:
    """Measure dbt build against SQL by hand, and a second build against the first."""
    folder, scale = folder.resolve(), generate.Scale(lines)
    with source(folder, mariadb_port) as process:
        project = Project(mariadb_port, f"dbt_pos_{lines}", f"dbt_marts_{lines}", folder / "dbt", process)
        print(f"generating {lines:,} order lines", file=sys.stderr)
        generate.fill(mariadb_port, project.source, scale)
        if only != "builds":
            for row in models(project, runs):
                print(json.dumps(row), flush=True)
        for _ in range(runs if only != "models" else 0):
            print(json.dumps(builds(project, scale, share=share)), flush=True)


if __name__ == "__main__":
    typer.run(main)
