"""Running contenders in turn and keeping what each run took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.servers import Servers
from benchmarks.setting import Setting
from sandbox.mariadb import connect

CHANGED = "load, 1% changed"


@dataclass
class Samples:
    """One contender's runs: seconds of work, of the process, of CPU (its own, each server's), peak bytes."""

    name: str
    seconds: list[float] = field(default_factory=list)
    process: list[float] = field(default_factory=list)
    cpu: list[Mapping[str, float]] = field(default_factory=list)
    peak: int = 0
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The median of the seconds of work."""
        return median(self.seconds)

    def cpu_of(self, who: str) -> float:
        """The median CPU seconds of the client or a server."""
        return median(each.get(who, 0.0) for each in self.cpu)


def measure(names: Sequence[str], setting: Setting, servers: Servers, *, runs: int) -> dict[str, Samples]:
    """Run every contender `runs` times, taking turns, so that a noisy minute meets all of them."""
    samples = {name: Samples(name) for name in names}
    for turn in range(runs):
        for name, mine in samples.items():
            if name == CHANGED:
                _change(setting, turn)
            _once(name, mine, setting, servers)
            print(f"{turn + 1}/{runs}\t{name}\t{mine.seconds[-1]:.2f} s", file=sys.stderr, flush=True)
    return samples


def _once(name: str, samples: Samples, setting: Setting, servers: Servers) -> None:
    before, begun = servers.cpu_seconds(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.contenders", name, setting.to_json()],
        env={**os.environ, **setting.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"benchmarks: error: {name} failed\n{done.stderr[-2000:]}")
    samples.process.append(time.perf_counter() - begun)
    found = json.loads(done.stdout.splitlines()[-1])
    used = {server: after - before[server] for server, after in servers.cpu_seconds().items()}
    samples.seconds.append(found.pop("seconds"))
    samples.cpu.append({"client": found.pop("cpu"), **used})
    samples.peak = max(samples.peak, found.pop("peak"))
    samples.more = found


def _change(setting: Setting, turn: int) -> None:
    """Change one customer in a hundred, others each turn."""
    with connect(port=setting.mariadb_port) as connection:
        connection.cursor().execute(
            f"update `{setting.schema}`.fct_order_lines set quantity = quantity + 1 "
            f"where customer_id % 100 = {turn} and line_number = 1"
        )
