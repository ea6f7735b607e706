"""`python -m benchmarks`: prepare data and marts, run every contender in turns, write the table of ratios."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pymongo import MongoClient

from benchmarks import generate, limits, report
from benchmarks.contenders import CONTENDERS
from benchmarks.measure import Samples, measure
from benchmarks.servers import Servers, servers
from benchmarks.setting import Setting
from sandbox import mariadb

SOURCE, MARTS, DATABASE = "bench_pos", "bench_marts", "bench"
TABLES = "dim_customers", "fct_orders", "fct_order_lines"
SHORT = (
    "raw insert", "documents, every byte verified", "load --full-refresh", "load, nothing changed",
    "verify --quick", "script by hand",
)  # fmt: skip


def main(
    lines: Annotated[int, typer.Option(help="Order lines, about.")] = 2_000_000,
    runs: Annotated[int, typer.Option(help="Runs of each contender.")] = 5,
    only: Annotated[list[str] | None, typer.Option(help="A contender; repeat for more.")] = None,
    short: Annotated[bool, typer.Option("--short", help="Only the contenders that CI holds to.")] = False,
    folder: Annotated[Path, typer.Option(help="Where data and results go.")] = Path("target/bench"),
    mariadb_port: Annotated[int, typer.Option()] = 35306,
    mongod_port: Annotated[int, typer.Option()] = 35117,
    mongo_uri: Annotated[str, typer.Option(help="A MongoDB to use instead.")] = "",
) -> None:
    """Measure the loader against the limits of its databases and against its peers."""
    names = only or [*(SHORT if short else CONTENDERS)]
    unknown = sorted(set(names) - set(CONTENDERS))
    if unknown:
        raise SystemExit(f"benchmarks: error: no contender {unknown[0]}; there are: {', '.join(CONTENDERS)}")
    folder = folder.resolve()
    with servers(folder, mariadb_port=mariadb_port, mongod_port=mongod_port) as running:
        uri = mongo_uri or running.mongo_uri
        setting = Setting(mariadb_port, f"{MARTS}_{lines}", uri, DATABASE, str(folder / f"dbt-{lines}"))
        prepare(setting, lines)
        samples = measure(names, setting, running, runs=runs)
        about = _about(setting, running, runs)
        counted = _count(setting)
    report.write(samples, folder / "results", lines=counted, about=about)
    _show(samples, counted, about)
    print(f"written\t{folder / 'results'}")


def prepare(setting: Setting, lines: int) -> None:
    """Make data and marts, where they are not there, and publish them once."""
    artifacts = Path(setting.artifacts)
    done = artifacts / "run_results.json"
    if not done.exists():
        source = f"{SOURCE}_{lines}"
        print(f"generating {lines:,} order lines", file=sys.stderr)
        generate.fill(setting.mariadb_port, source, generate.Scale(lines))
        print("building the marts", file=sys.stderr)
        dbt = [str(Path(sys.executable).with_name("dbt")), "--quiet", "build", "--select"]
        dbt += [
            "+exposure:customer_order_history",
            "--indirect-selection",
            "buildable",
            "--vars",
            f"{{pos_schema: {source}}}",
        ]
        partial = artifacts.with_suffix(".partial")
        subprocess.run(
            [*dbt, "--target-path", str(partial)], check=True, env={**os.environ, **setting.environment}
        )
        partial.rename(artifacts)
    load = ["load", "--full-refresh", "--quiet", "--select", setting.collection]
    subprocess.run(
        [sys.executable, "-m", "loader", *load],
        check=True,
        env={**os.environ, **setting.environment},
        stdout=subprocess.DEVNULL,
    )
    if not setting.documents.exists():
        limits.dump(setting.mongo_uri, setting.database, setting.collection, setting.documents)


def _count(setting: Setting) -> int:
    with mariadb.connect(port=setting.mariadb_port) as connection:
        cursor = connection.cursor()
        cursor.execute(f"select count(*) from `{setting.schema}`.fct_order_lines")
        return int(cursor.fetchone()[0])


def _about(setting: Setting, running: Servers, runs: int) -> dict[str, str]:
    with MongoClient[dict[str, object]](setting.mongo_uri) as client:
        versions = {
            "MariaDB": mariadb.version(running.mariadb_port) or "",
            "MongoDB": client.server_info()["version"],
            "Python": sys.version.split()[0],
        }
    megabytes = setting.documents.stat().st_size / 1e6
    return {
        "machine": report.machine(versions),
        "date": datetime.now(UTC).date().isoformat(),
        "runs": f"{runs} of each, in turns; medians",
        "documents": f"{megabytes:,.0f} MB of BSON",
    }


def _show(samples: dict[str, Samples], lines: int, about: dict[str, str]) -> None:
    for name, value in about.items():
        print(f"{name}\t{value}")
    rows = [report.HEADS, *report.table(samples, lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells))


if __name__ == "__main__":
    typer.run(main)
