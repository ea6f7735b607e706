"""SIGINT, SIGTERM and SIGHUP end a load alike, at any moment, in one line, and nothing is left behind."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.loader.running import ERROR, Finished
from tests.waits.members import Members
from tests.waits.stage import REFRESH, SYNC, Stage, wait_until

SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
SEED = 20261128
QUIETLY = ("--quiet",)
AT_ONCE = 8
"""Seconds within which an interrupted load has ended on a busy machine."""


@pytest.fixture(autouse=True)
def _signals_count() -> Iterator[None]:
    """A shell starts what it puts into the background deaf to SIGINT, and its children are deaf as well."""
    before = [signal.signal(number, signal.SIG_DFL) for number in SIGNALS]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


def test_a_signal_ends_a_load_at_any_moment(stage: Stage) -> None:
    at_any_moment(stage, count=6)


@pytest.mark.long
def test_a_signal_ends_a_load_at_any_of_many_moments(stage: Stage) -> None:
    at_any_moment(stage, count=150)


def at_any_moment(stage: Stage, *, count: int) -> None:
    chance = random.Random(SEED)  # noqa: S311
    took = {}
    for mode in (REFRESH, SYNC):
        stage.change()
        began = time.monotonic()
        ended(stage.loader.start(*mode, *QUIETLY), within=200)
        took[mode] = time.monotonic() - began
    for number in range(count):
        mode, how = (REFRESH, SYNC)[number % 2], SIGNALS[number % 3]
        old = stage.change()
        process = stage.loader.start(*mode, *QUIETLY)
        time.sleep(took[mode] * max(0.1, chance.random()))
        process.send_signal(how)
        stopped = ended(process)
        assert stopped.code in (0, 130), (number, stopped)
        if stopped.code == 130:
            require_one_line(stopped)
        assert stage.seen() in (old, old + 1), number
        assert stage.left() == [], (number, stopped)
    stage.loader.done(*SYNC)
    assert stage.loader.run("verify").code == 0


def ended(process: subprocess.Popen[str], *, within: float = AT_ONCE) -> Finished:
    """Wait for the end; a load that goes on is killed, and the test fails."""
    try:
        stdout, stderr = process.communicate(timeout=within)
    finally:
        process.kill()
    return Finished(process.returncode, stdout, stderr)


def require_one_line(stopped: Finished) -> None:
    assert stopped.error in (
        "interrupted; every collection is whole, a rerun is safe",
        "interrupted; nothing was begun",
    )


@pytest.mark.parametrize("how", SIGNALS)
def test_a_build_that_is_being_filled_is_dropped(stage: Stage, how: signal.Signals) -> None:
    old = stage.change()
    process = stage.loader.start(*REFRESH, *QUIETLY, "--workers", "1")
    wait_until(stage.building)
    process.send_signal(how)
    stopped = ended(process)
    assert (stopped.code, stopped.error) == (130, "interrupted; every collection is whole, a rerun is safe")
    assert stage.seen() == old
    assert stage.left() == []


@contextmanager
def frozen(members: Members) -> Iterator[None]:
    members.processes[0].suspend()
    try:
        yield
    finally:
        members.processes[0].resume()


def test_the_tasks_of_dask_workers_end_too(stage: Stage) -> None:
    old = stage.change()
    process = stage.loader.start(*REFRESH, *QUIETLY, "--dask-workers", "2")
    wait_until(stage.building)
    process.send_signal(signal.SIGTERM)
    stopped = ended(process, within=60)
    assert (stopped.code, stopped.error) == (130, "interrupted; every collection is whole, a rerun is safe")
    assert stage.seen() == old
    assert stage.left() == []


def test_a_second_interrupt_leaves_at_once(stage: Stage) -> None:
    stage.change()
    process = stage.loader.start(*REFRESH, *QUIETLY, "--workers", "2")
    wait_until(stage.building)
    with frozen(stage.members):
        process.send_signal(signal.SIGINT)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        stopped = ended(process)
    assert stopped.code == 130
    assert stopped.stderr == f"{ERROR}left at once; a rerun is safe and clears up\n"
    stage.loader.done(*SYNC)
    assert stage.left() == []


def test_a_signal_that_is_ignored_stays_so(stage: Stage) -> None:
    """As under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stage.change()
    process = stage.loader.start(*REFRESH, *QUIETLY)
    wait_until(stage.building)
    process.send_signal(signal.SIGHUP)
    assert ended(process, within=100).code == 0
