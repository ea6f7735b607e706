"""Runs the contenders in turn, and keeps the figures of each run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from benchmarks import check
from benchmarks.contenders import CHANGED, CONTENDERS
from benchmarks.servers import Servers
from benchmarks.setting import Setting


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


def measure(
    interpreters: Mapping[str, str], setting: Setting, servers: Servers, *, runs: int
) -> dict[str, Samples]:
    """Run every contender `runs` times (some once), in turns, so that a noisy minute affects all of them.

    Each contender comes with the Python it runs in. Raises `SystemExit` when one fails or does other work.
    """
    samples = {name: Samples(name) for name in interpreters}
    ids = {name: [each.pid for each in found] for name, found in servers.processes.items()}
    setting = replace(setting, servers=ids)
    for turn in range(runs):
        for name, mine in samples.items():
            last = 0 if CONTENDERS[name].once else runs - 1
            if turn > last:
                continue
            changed = check.change(setting, turn) if name == CHANGED else 0
            _once(mine, interpreters[name], setting)
            check.loaded(name, setting, changed)
            if turn == last:
                check.left(name, setting)
            print(f"{turn + 1}/{runs}\t{name}\t{mine.seconds[-1]:.2f} s", file=sys.stderr, flush=True)
    return samples


def _once(samples: Samples, python: str, setting: Setting) -> None:
    begun = time.perf_counter()
    done = subprocess.run(
        [python, "-m", "benchmarks.contenders", samples.name, setting.to_json()],
        env={**os.environ, **setting.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"benchmarks: error: {samples.name} failed\n{done.stderr[-2000:]}")
    samples.process.append(time.perf_counter() - begun)
    found = json.loads(done.stdout.splitlines()[-1])
    samples.seconds.append(found.pop("seconds"))
    samples.cpu.append(found.pop("cpu"))
    samples.peak = max(samples.peak, found.pop("peak"))
    samples.more = found
