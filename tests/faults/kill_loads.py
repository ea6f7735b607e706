"""Kill loads with SIGKILL at random moments, in both modes, while a reader watches.

After each killed load a plain `load` runs. Then every document must be byte-identical to a full refresh, and
nothing of the killed load may be left. Example, with the sandbox up:

    python -m tests.faults.kill_loads --count 100 --seed 7
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pos_loader.publish.builds import BUILDS
from pos_sandbox.cluster import Sandbox
from pos_sandbox.settings import default_root, stored_ports
from tests.faults.builds import moved_on_build, sample_build
from tests.faults.reader import Reader, State, state
from tests.loader.running import LEASES, Documents, Loader, connect, content, left_behind

NAMES = "customer_order_history", "product_purchase_details"
Mode = tuple[str, ...]
LOAD = ("load", "--select", NAMES[0], "--select", NAMES[1])
FULL_REFRESH: Mode = ("--full-refresh",)
SYNC: Mode = ()


@dataclass(frozen=True)
class Copy:
    """A collection right after a full refresh."""

    content: bytes
    state: State


Fresh = dict[str, Copy]


@dataclass
class Report:
    """The findings: kills by what the killed load had left, the reader's count, the slowest recovery."""

    kills: Counter[str] = field(default_factory=Counter)
    reads: int = 0
    retried: Counter[str] = field(default_factory=Counter)
    slowest: float = 0
    """Seconds of the slowest load after a kill."""
    seconds: float = 0

    def __str__(self) -> str:
        """One line for a person."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kills.items()))
        retried = ", ".join(f"{count} {name}" for name, count in self.retried.items()) or "none"
        return (
            f"{sum(self.kills.values())} kills in {self.seconds:.0f} s ({kinds}); {self.reads} reads, "
            f"retried: {retried}; slowest load after a kill {self.slowest:.1f} s"
        )


def kill_loads(
    first: Loader, second: Loader, *, count: int, seed: int, tell: Callable[[str], None] = lambda _: None
) -> Report:
    """Kill `count` loads, of the two builds in turn, all into the database of `first`.

    Raises `AssertionError` for the first wrong finding.
    """
    chance, report, began = random.Random(seed), Report(), time.monotonic()  # noqa: S311
    builds = (first, replace(second, database=first.database))
    with connect(first.mongo_uri) as client:
        database = client[first.database]
        fresh, took = _full_refreshes(builds, database)
        allowed = {name: {each[name].state for each in fresh} for name in NAMES}
        with Reader(first.mongo_uri, first.database, allowed) as reader:
            for number in range(2 * count):  # some end before they can be killed
                mode, turn = (FULL_REFRESH, SYNC)[number // 2 % 2], (number + 1) % 2
                killed = _kill(builds[turn], mode, database, chance.uniform(0, took[mode]))
                report.kills += Counter([killed] if killed else [])
                began_again = time.monotonic()
                builds[turn].done(*LOAD)
                recovery = time.monotonic() - began_again
                report.slowest = max(report.slowest, recovery)
                for name in NAMES:
                    assert content(database, name) == fresh[turn][name].content, (number, killed, name)
                assert left_behind(database) + [each["_id"] for each in database[BUILDS].find()] == []
                assert not reader.faults, (number, killed, reader.faults)
                tell(f"{report.kills.total()} of {count}: {killed or 'ended before'}, then {recovery:.1f} s")
                if report.kills.total() == count:
                    break
    assert report.kills.total() == count, report
    assert reader.reads > count, "the reader did not read throughout"
    report.reads, report.retried = reader.reads, reader.retried
    report.seconds = time.monotonic() - began
    return report


def _full_refreshes(builds: Sequence[Loader], database: Documents) -> tuple[list[Fresh], dict[Mode, float]]:
    """Publish B, then A, by full refresh, then A again; return both states and the seconds of each mode."""
    found, took = [], {}
    for loader in reversed(builds):
        began = time.monotonic()
        loader.done(*LOAD, *FULL_REFRESH)
        took[FULL_REFRESH] = time.monotonic() - began
        found.append({name: Copy(content(database, name), state(database, name)) for name in NAMES})
    for name in NAMES:
        assert found[0][name].state != found[1][name].state, "there has to be something to publish"
    began = time.monotonic()
    builds[0].done(*LOAD)
    took[SYNC] = time.monotonic() - began
    return found[::-1], took


def _kill(loader: Loader, mode: Mode, database: Documents, seconds: float) -> str:
    """Kill a load after some seconds; return how far it was, or nothing if it had ended."""
    process = loader.start(*LOAD, *mode)
    try:
        process.communicate(timeout=seconds)
        return ""
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    builds = database.list_collection_names(filter={"name": {"$regex": "__build_"}})
    leases = database[LEASES].count_documents({})
    place = f"with {len(builds)} builds" if builds else "with the lease" if leases else "before the lease"
    return f"{(*mode, 'sync')[0].removeprefix('--')} {place}"


def tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main(arguments: Sequence[str] | None = None) -> None:
    """Build A and B in the sandbox's MariaDB, then kill."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="loads to kill")
    parser.add_argument("--seed", type=int, default=1, help="seed of the moments")
    parser.add_argument("--dir", type=Path, default=default_root(), help="the sandbox's folder")
    chosen = parser.parse_args(arguments)
    ports = stored_ports(chosen.dir)
    if ports is None:
        parser.error(f"no sandbox in {chosen.dir}; run pos-sandbox up")
    servers = Sandbox(chosen.dir, ports).endpoints
    with tempfile.TemporaryDirectory() as folder, connect(servers.mongo_uri) as client:
        loaders = [
            Loader(build(servers, Path(folder, schema), schema), servers.mongo_uri, "fault_kills")
            for build, schema in ((sample_build, "fault_a"), (moved_on_build, "fault_b"))
        ]
        try:
            report = kill_loads(*loaders, count=chosen.count, seed=chosen.seed, tell=tell)
        finally:
            client.drop_database("fault_kills")
    tell(str(report))


if __name__ == "__main__":
    main()
