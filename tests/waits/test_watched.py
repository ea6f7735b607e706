"""Work that is watched: its threads are used again, and work that takes long gets a line now and then."""

from __future__ import annotations

import threading
import time

import pytest

from pos_loader.servers import waiting


def alive(_: float) -> None:
    """Answer at once."""


def working_threads() -> int:
    return sum(thread.name == "work" for thread in threading.enumerate())


def test_a_thread_does_one_work_after_another() -> None:
    before = working_threads()
    results = [waiting.watched(lambda number=number: number, alive, doing="count") for number in range(50)]  # type: ignore[misc]
    assert results == [*range(50)]
    assert working_threads() <= before + 1


def test_an_error_of_the_work_is_raised_and_its_thread_goes_on() -> None:
    with pytest.raises(ZeroDivisionError):
        waiting.watched(lambda: 1 // 0, alive, doing="divide")
    assert waiting.watched(lambda: 7, alive, doing="answer") == 7


def test_work_that_takes_long_gets_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "WORK_LINE_SECONDS", 1.0)
    lines: list[str] = []
    with waiting.told(lines.append):
        waiting.watched(lambda: time.sleep(1.5), alive, doing="index shop.orders")
    assert lines == ["still at work for 1 s: index shop.orders"]
    assert waiting.waits() == ()
