"""`python -m benchmarks.stages`: the cost of each step, one partition after another in one thread.

Nothing overlaps, so every CPU second of the client and of the two servers belongs to one step. Run it after
`python -m benchmarks`, which makes the marts.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import limits
from benchmarks.prepare import prepare
from benchmarks.report import markdown
from benchmarks.servers import Servers, servers
from benchmarks.setting import Setting

HEADS = ("stage", "seconds", "CPU s client", "of it system", "MariaDB", "MongoDB")
Stages = dict[str, list[float]]


def main(
    lines: Annotated[int, typer.Option(help="Order lines, about.")] = 2_000_000,
    folder: Annotated[Path, typer.Option(help="Where data and results go.")] = Path("target/bench"),
    mariadb_port: Annotated[int, typer.Option()] = 35306,
    mongod_port: Annotated[int, typer.Option()] = 35117,
) -> None:
    """Profile a full refresh by step and write results/stages.md and .json."""
    folder = folder.resolve()
    with servers(folder, mariadb_port=mariadb_port, store_port=mongod_port) as running:
        setting = prepare(folder, lines, mariadb_port=mariadb_port, mongo_uri=running.mongo_uri)
        os.environ.update(setting.environment)
        found = profile(setting, running)
    total = [sum(column) for column in zip(*found.values(), strict=True)]
    rows = [(name, *(f"{value:.2f}" for value in each)) for name, each in [*found.items(), ("all", total)]]
    results = folder / "results"
    results.mkdir(exist_ok=True)
    (results / "stages.json").write_text(json.dumps(found, indent=2) + "\n")
    (results / "stages.md").write_text(markdown(rows, HEADS) + "\n")
    print(markdown(rows, HEADS))


def profile(setting: Setting, running: Servers) -> Stages:
    """By step: seconds, CPU seconds of the client (and in the kernel), of MariaDB and of MongoDB."""
    from pos_loader.console import Console
    from pos_loader.documents.extract import extract
    from pos_loader.documents.nest import nest
    from pos_loader.publish import insert, layout
    from pos_loader.run.session import open_job
    from pos_loader.run.survey import survey
    from pos_loader.settings import read_settings
    from pos_loader.verify import every_byte
    from pos_loader.verify.figures import reconcile

    stages: Stages = defaultdict(lambda: [0.0] * len(HEADS[1:]))

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        begun = _spent(running)
        yield
        ended = _spent(running)
        stages[name] = [sum(each) - begin for *each, begin in zip(stages[name], ended, begun, strict=True)]

    limits.create(setting.mongo_uri, setting.database, "stages")
    with ExitStack() as stack:
        with stage("open"):
            opened = open_job(read_settings(), select=[setting.collection], progress=Console(quiet=True))
            job = stack.enter_context(opened)
        with stage("survey"):
            (surveyed,) = survey(job, job.collections)
        handle = job.client[setting.database]["stages"]
        for partition in surveyed.partitions:
            with stage("extract"):
                tables = extract(job.server, surveyed.collection, partition)
            with stage("nest and encode"):
                documents = nest(surveyed.collection, tables)
            with stage("write"):
                assert not insert.insert(handle, documents)
            with stage("verify"):
                assert not every_byte.compare(handle, documents, partition).total
        with stage("index"):
            layout.complete(handle, surveyed.collection)
        with stage("reconcile"):
            assert all(each.equal for each in reconcile(job.server, handle, surveyed.collection))
    return dict(stages)


def _spent(running: Servers) -> list[float]:
    client, theirs = resource.getrusage(resource.RUSAGE_SELF), running.cpu_seconds()
    ours = [client.ru_utime + client.ru_stime, client.ru_stime]
    return [time.perf_counter(), *ours, theirs["mariadb"], theirs["mongodb"]]


if __name__ == "__main__":
    typer.run(main)
