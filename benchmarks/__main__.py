"""`python -m benchmarks`: prepare data and marts, run every contender in turns, write the table of ratios."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pymongo import MongoClient

from benchmarks import environments, report
from benchmarks.contenders import CONNECTOR, CONTENDERS, PYMONGO
from benchmarks.measure import Samples, measure
from benchmarks.prepare import prepare
from benchmarks.servers import Servers, servers
from benchmarks.setting import Setting
from pos_sandbox import mariadb

SHORT = (
    "raw insert", "documents, every byte verified", "load --full-refresh", "load, nothing changed",
    "verify --quick", "script by hand",
)  # fmt: skip
CLUSTER = (
    "raw insert", "raw insert, 2 connections", "documents, every byte verified", "load --full-refresh",
    "load, nothing changed", "load, 1% changed", "verify", "verify --quick", "plan", "script by hand",
)  # fmt: skip


def main(
    lines: Annotated[int, typer.Option(help="Order lines, about.")] = 2_000_000,
    runs: Annotated[int, typer.Option(help="Runs of each contender.")] = 5,
    only: Annotated[list[str] | None, typer.Option(help="A contender; repeat for more.")] = None,
    short: Annotated[bool, typer.Option("--short", help="Only the contenders that CI holds to.")] = False,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="On the sandbox's sharded cluster instead of a native mongod.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where data and results go.")] = Path("target/bench"),
    mariadb_port: Annotated[int, typer.Option()] = 35306,
    mongod_port: Annotated[int, typer.Option()] = 35117,
    mongos_port: Annotated[
        int, typer.Option(help="The cluster's other servers are on the three after.")
    ] = 35118,
    mongo_uri: Annotated[str, typer.Option(help="A MongoDB to use instead.")] = "",
) -> None:
    """Measure the loader against the limits of its databases and against its peers."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    interpreters = _interpreters(only or [*(SHORT if short else CLUSTER if cluster else CONTENDERS)], folder)
    store_port = mongos_port if cluster else mongod_port
    with servers(folder, mariadb_port=mariadb_port, store_port=store_port, cluster=cluster) as running:
        uri = mongo_uri or running.mongo_uri
        setting = prepare(folder, lines, mariadb_port=mariadb_port, mongo_uri=uri)
        samples = measure(interpreters, setting, running, runs=runs)
        about = _about(setting, running, runs)
        counted = _count(setting)
    results = folder / "results" / ("results-cluster" if cluster else "results")
    report.write(samples, results, lines=counted, about=about)
    _show(samples, counted, about)
    print(f"written\t{results}.json, .md, .svg")


def _interpreters(names: Sequence[str], folder: Path) -> dict[str, str]:
    """Make the environments; return the Python of each contender that can run here, and note the others."""
    unknown = sorted(set(names) - set(CONTENDERS))
    if unknown:
        raise SystemExit(f"benchmarks: error: no contender {unknown[0]}; there are: {', '.join(CONTENDERS)}")
    unused = PYMONGO if os.environ.get("POS_SPARK_JARS") else CONNECTOR
    found = {}
    for name in [each for each in names if each != unused]:
        environment = CONTENDERS[name].environment
        lacks = environments.lacks(environment) if environment else ""
        if lacks:
            print(f"left out\t{name}\t{lacks}", file=sys.stderr)
        else:
            found[name] = str(environments.make(folder, environment)) if environment else sys.executable
    return found


def _count(setting: Setting) -> int:
    with mariadb.connect(port=setting.mariadb_port) as connection:
        cursor = connection.cursor()
        cursor.execute(f"select count(*) from `{setting.schema}`.fct_order_lines")
        return int(cursor.fetchone()[0])


def _about(setting: Setting, running: Servers, runs: int) -> dict[str, str]:
    with MongoClient[dict[str, object]](setting.mongo_uri) as client:
        hello = client.admin.command("hello")
        kind = "sharded cluster" if hello.get("msg") == "isdbgrid" else "replica set of one"
        versions = {
            "MariaDB": mariadb.version(running.mariadb_port) or "",
            "MongoDB": f"{client.server_info()['version']} ({kind})",
            "Python": sys.version.split()[0],
        }
    megabytes = setting.documents.stat().st_size / 1e6
    return {
        "machine": report.machine(versions),
        "date": datetime.now(UTC).date().isoformat(),
        "runs": f"{runs} of each but the slow peers, in turns; medians",
        "documents": f"{megabytes:,.0f} MB of BSON",
        "seconds": "of the work alone; Python's start and imports, and a JVM's start, are before",
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
