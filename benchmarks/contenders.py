"""Everything that is measured, by name; each runs in a process of its own and prints what it took.

`python -m benchmarks.contenders NAME SETTING` does one thing once. Seconds are those of the work, from the
first connection on: starting Python and importing is the same for all and in the process's own time.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.setting import Setting

Contender = Callable[[Setting], Mapping[str, Any] | None]


def raw_scan(setting: Setting) -> None:
    """The collection's marts by the mariadb client, to nowhere."""
    from benchmarks import limits

    limits.scan(setting.mariadb_port, setting.schema, ("dim_customers", "fct_orders", "fct_order_lines"))


def raw_insert(connections: int, *, layout: bool = False) -> Contender:
    """The documents, already encoded, over so many connections; with `layout`, validator and indexes."""

    def run(setting: Setting) -> None:
        from benchmarks import limits

        limits.insert(
            setting.mongo_uri,
            setting.database,
            "raw",
            setting.documents,
            connections=connections,
            like=setting.collection if layout else "",
        )

    return run


def raw_insert_then_index(setting: Setting) -> None:
    """The documents on one connection, then the indexes, as a careful operator would."""
    from benchmarks import limits

    limits.insert(setting.mongo_uri, setting.database, "raw", setting.documents, connections=1)
    limits.index(setting.mongo_uri, setting.database, "raw", like=setting.collection)


def loaded(step: str) -> Contender:
    """Extract, nest, encode and write all partitions; `insert` also reads every byte back."""

    def run(setting: Setting) -> Mapping[str, Any]:
        from loader import work
        from loader.job import Job
        from loader.session import open_job
        from loader.settings import read_settings

        class Silent:
            def note(self, text: str, **context: object) -> None: ...
            def start(self, name: str, *, rows: int, unit: str = "rows") -> None: ...
            def advance(self, name: str, *, rows: int) -> None: ...

        def write_only(handle: Any, documents: Any, _: Any, tally: work.Tally) -> None:
            from loader import write

            with tally.timed("write"):
                assert not write.insert(handle, documents)

        steps: dict[str, work.Step] = {"write": write_only, "insert": work.insert}
        with open_job(read_settings(), select=[setting.collection], progress=Silent()) as job:
            assert isinstance(job, Job)
            (surveyed,) = work.survey(job, job.collections)
            handle = job.client[setting.database]["steps"]
            handle.drop()
            tally = work.run(job, surveyed, handle, steps[step])
            assert tally.differences == 0
        return {"stages": dict(tally.seconds), "bytes": tally.bytes}

    return run


def command(*arguments: str) -> Contender:
    """A command of the loader, as a user runs it."""

    def run(setting: Setting) -> None:
        from typer.testing import CliRunner

        from loader.cli import app

        selecting = ("--select", setting.collection, "--quiet")
        result = CliRunner().invoke(app, [arguments[0], *selecting, *arguments[1:]])
        if result.exit_code not in (0, 2 if arguments[0] == "plan" else 0):
            raise RuntimeError(result.output)

    return run


def peer(name: str) -> Contender:
    """One of the scripts people write."""

    def run(setting: Setting) -> None:
        from benchmarks import peers

        getattr(peers, name)(setting)

    return run


CONTENDERS: Mapping[str, Contender] = MappingProxyType(
    {
        "raw scan": raw_scan,
        "raw insert": raw_insert(1),
        "raw insert, 2 connections": raw_insert(2),
        "raw insert, 4 connections": raw_insert(4),
        "raw insert, validator and indexes": raw_insert(1, layout=True),
        "raw insert, then indexes": raw_insert_then_index,
        "documents, not read back": loaded("write"),
        "documents, every byte verified": loaded("insert"),
        "load --full-refresh": command("load", "--full-refresh"),
        "load, nothing changed": command("load"),
        "load, 1% changed": command("load"),
        "verify": command("verify"),
        "verify --quick": command("verify", "--quick"),
        "plan": command("plan"),
        "script by hand": peer("by_hand"),
        "script with upserts": peer("upserts"),
        "script, tuned, 2 processes": peer("tuned"),
        "JSON_ARRAYAGG script": peer("json_arrayagg"),
    }
)


def main(name: str, setting: str) -> None:
    """Run one contender and print its figures as JSON: seconds, CPU seconds, peak bytes."""
    run = CONTENDERS[name]
    before = time.perf_counter(), _cpu()
    more = run(Setting(**json.loads(setting))) or {}
    found = {"seconds": time.perf_counter() - before[0], "cpu": _cpu() - before[1], "peak": _peak()}
    print(json.dumps({**found, **more}))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _peak() -> int:
    """Bytes of this process at most, and of its largest child."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    own = int(found.group(1)) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (own + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
