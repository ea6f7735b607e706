"""Prepares every benchmark: data of a size, its marts, and the collection, published once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import generate, limits
from benchmarks.setting import Setting

SOURCE, MARTS, DATABASE = "bench_pos", "bench_marts", "bench"
"""Of each size, with its number of lines."""


def prepare(folder: Path, lines: int, *, mariadb_port: int, mongo_uri: str) -> Setting:
    """Make data and marts, unless `folder` has them with that many lines, and publish them once."""
    setting = Setting(
        mariadb_port, f"{MARTS}_{lines}", mongo_uri, f"{DATABASE}_{lines}", str(folder / f"dbt-{lines}")
    )
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
        [sys.executable, "-m", "pos_loader", *load],
        check=True,
        env={**os.environ, **setting.environment},
        stdout=subprocess.DEVNULL,
    )
    if not setting.documents.exists():
        limits.dump(setting.mongo_uri, setting.database, setting.collection, setting.documents)
    return setting
