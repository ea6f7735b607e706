"""All contenders by name; each runs in its own process and prints its seconds and memory.

`python -m benchmarks.contenders NAME SETTING` runs one contender once. Its preparation is not measured:
Python and its imports, a JVM, the documents that a raw insert sends, the empty collection. The work that it
returns is measured, from the first connection to the last answer.
"""

from __future__ import annotations

import importlib
import json
import re
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import psutil

from benchmarks.setting import TABLES, Setting, cpu_seconds

Work = Callable[[], Mapping[str, Any] | None]
Prepare = Callable[[Setting], Work]


@dataclass(frozen=True)
class Contender:
    """How to prepare a contender, its kind in the chart, and the environment of its process."""

    kind: Literal["limit", "pos-loader", "peer"]
    prepare: Prepare
    environment: str = ""
    once: bool = False
    """Whether it is slow and only there for comparison: run in the first turn alone."""
    children: int = 0
    """Programs that work for it at once and end before it does, for its peak memory."""


def raw_scan(setting: Setting) -> Work:
    """Read the collection's marts with the mariadb client and discard the rows."""
    from benchmarks import limits

    return lambda: limits.scan(setting.mariadb_port, setting.schema, TABLES)


def raw_insert(connections: int, *, layout: bool = False, then_index: bool = False) -> Prepare:
    """Insert encoded documents over `connections` connections; validator and indexes before or after."""

    def prepare(setting: Setting) -> Work:
        from benchmarks import limits

        uri, name = setting.mongo_uri, (setting.database, "raw")
        documents = setting.documents.read_bytes()
        limits.create(uri, *name, like=setting.collection if layout else "")

        def run() -> None:
            limits.insert(uri, *name, documents, connections=connections)
            if then_index:
                limits.index(uri, *name, like=setting.collection)

        return run

    return prepare


def loaded(step: Literal["write", "insert"], *, threads: int | None = None, dask: int = 0) -> Prepare:
    """Extract, nest, encode and write all partitions; `insert` also reads every byte back.

    The work is done by threads of this process, or by Dask workers of one thread that start before the timer.
    """

    def prepare(setting: Setting) -> Work:
        from benchmarks import limits
        from pos_loader.console import Console
        from pos_loader.publish import insert
        from pos_loader.run import partitions
        from pos_loader.run.session import open_job
        from pos_loader.run.survey import survey
        from pos_loader.run.tally import Tally
        from pos_loader.settings import read_settings

        def write_only(handle: Any, documents: Any, _: Any, tally: Tally) -> None:
            with tally.timed("write"):
                assert not insert.insert(handle, documents)

        steps: dict[str, partitions.Step] = {"write": write_only, "insert": partitions.insert}
        limits.create(setting.mongo_uri, setting.database, "steps")
        settings = read_settings(workers=threads, scheduler=_scheduler(dask) if dask else None)

        def run() -> Mapping[str, Any]:
            with open_job(settings, select=[setting.collection], progress=Console(quiet=True)) as job:
                (surveyed,) = survey(job, job.collections)
                tally = partitions.run(job, surveyed, job.client[setting.database]["steps"], steps[step])
                assert tally.compared.differences == 0
            return {"stages": dict(tally.seconds), "bytes": tally.bytes}

        return run

    return prepare


def _scheduler(workers: int) -> str:
    """Start a Dask cluster that ends with this process; return its scheduler's address."""
    import distributed

    import pos_loader.run.partitions  # noqa: F401 - the workers import it before the timer starts, too

    cluster = distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    )
    with distributed.Client(cluster) as client:
        client.run(importlib.import_module, "pos_loader.run.partitions")
    return str(cluster.scheduler_address)


def command(*arguments: str) -> Prepare:
    """Run a command of the loader as a user does."""

    def prepare(setting: Setting) -> Work:
        from typer.testing import CliRunner

        from pos_loader import cli

        for module in ("evidence.keeper", "run.plan", "run.session"):  # the command itself would import them
            importlib.import_module(f"pos_loader.{module}")
        selecting = ("--select", setting.collection, "--quiet")

        def run() -> None:
            result = CliRunner().invoke(cli.app, [arguments[0], *selecting, *arguments[1:]])
            if result.exit_code:
                raise RuntimeError(result.output)

        return run

    return prepare


def script(name: str, collection: str = "") -> Prepare:
    """Run one of the scripts that people write; it gets an empty collection if it needs one."""

    def prepare(setting: Setting) -> Work:
        from benchmarks import limits, peers

        if collection:
            limits.create(setting.mongo_uri, setting.database, collection)
        return lambda: getattr(peers, name)(setting)

    return prepare


def spark(writer: Literal["connector", "pymongo"]) -> Prepare:
    """Run Spark on two cores, in its own environment; its session starts before the timer."""

    def prepare(setting: Setting) -> Work:
        from benchmarks import limits
        from benchmarks import spark as job

        started = job.session()
        limits.create(setting.mongo_uri, setting.database, "spark")
        return lambda: job.run(started, setting, writer)

    return prepare


def flat_rows(setting: Setting) -> Work:
    """Copy the collection's marts with ingestr, in its own environment, each into a collection."""
    from benchmarks import flat_rows as job

    return lambda: job.run(setting)


CHANGED = "load, 1% changed"
CONNECTOR, PYMONGO, FLAT = "Spark with the connector", "Spark, pymongo writer", "ingestr, flat rows"
CONTENDERS: Mapping[str, Contender] = MappingProxyType(
    {
        "raw scan": Contender("limit", raw_scan, children=1),
        "raw insert": Contender("limit", raw_insert(1)),
        "raw insert, 2 connections": Contender("limit", raw_insert(2)),
        "raw insert, 4 connections": Contender("limit", raw_insert(4)),
        "raw insert, validator and indexes": Contender("limit", raw_insert(1, layout=True), once=True),
        "raw insert, then indexes": Contender("limit", raw_insert(1, then_index=True)),
        "documents, not read back": Contender("pos-loader", loaded("write")),
        "documents, every byte verified": Contender("pos-loader", loaded("insert")),
        "documents, 1 thread": Contender("pos-loader", loaded("insert", threads=1), once=True),
        "documents, 1 Dask worker": Contender("pos-loader", loaded("insert", dask=1), once=True),
        "documents, 2 Dask workers": Contender("pos-loader", loaded("insert", dask=2), once=True),
        "load --full-refresh": Contender("pos-loader", command("load", "--full-refresh")),
        "load, nothing changed": Contender("pos-loader", command("load")),
        CHANGED: Contender("pos-loader", command("load")),
        "verify": Contender("pos-loader", command("verify")),
        "verify --quick": Contender("pos-loader", command("verify", "--quick")),
        "plan": Contender("pos-loader", command("plan")),
        "script by hand": Contender("peer", script("by_hand", "by_hand")),
        "script with upserts": Contender("peer", script("upserts", "upserts"), once=True),
        "script, tuned, 2 processes": Contender("peer", script("tuned", "tuned"), children=2),
        "JSON_ARRAYAGG script": Contender("peer", script("json_arrayagg", "json"), once=True),
        CONNECTOR: Contender("peer", spark("connector"), "spark", once=True),
        PYMONGO: Contender("peer", spark("pymongo"), "spark", once=True),
        FLAT: Contender("peer", flat_rows, "ingestr", once=True, children=1),
    }
)


def main(name: str, setting: str) -> None:
    """Run one contender and print its figures as JSON: seconds, CPU seconds of each process, peak bytes."""
    contender, between = CONTENDERS[name], Setting(**json.loads(setting))
    run = contender.prepare(between)
    modules = set(sys.modules)
    before, begun = _cpu(between), time.perf_counter()
    more = run() or {}
    seconds = time.perf_counter() - begun
    cpu = {who: used - before[who] for who, used in _cpu(between).items()}
    late = sorted(set(sys.modules) - modules)
    found = {"seconds": seconds, "cpu": cpu, "peak": _peak(contender.children), "late_imports": late}
    print(json.dumps({**found, **more}))


def _cpu(setting: Setting) -> dict[str, float]:
    """CPU seconds of this process with all its children, ended or not, and of each server's processes."""
    servers = {who: [psutil.Process(pid) for pid in pids] for who, pids in setting.servers.items()}
    return {"client": _own_cpu(), **{who: cpu_seconds(found) for who, found in servers.items()}}


def _own_cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    alive = [each.cpu_times() for each in psutil.Process().children(recursive=True)]
    running = sum(each.user + each.system + each.children_user + each.children_system for each in alive)
    return sum(each.ru_utime + each.ru_stime for each in used) + running


def _peak(ended: int) -> int:
    """Peak bytes of this process, of its children that still run, and of `ended` children that ran at once.

    A child that only asks the system something (MariaDB's driver does) was forked with our pages.
    """
    alive = [psutil.Process(), *psutil.Process().children(recursive=True)]
    found = [re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{each.pid}/status").read_text()) for each in alive]
    kilobytes = sum(int(each.group(1)) for each in found if each)
    return (kilobytes + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * ended) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
