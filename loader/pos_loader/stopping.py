"""Ends a run when the user or the system asks: SIGINT, SIGTERM and SIGHUP do the same.

The signal raises `KeyboardInterrupt` in the main thread, which clears up while it ends. Other threads cannot
be interrupted, so they ask `check` between their steps and while they wait. Tasks on Dask workers run under
the token of their load, and `stop` ends them there.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

EXIT_CODE = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ended = threading.Event()
_token: ContextVar[str] = ContextVar("token", default="")
_stopped: set[str] = set()
_state = {"at": 0.0, "held": 0.0, "due": 0.0}


class Stopped(Exception):
    """A thread ends because the run ends; `cause` gives the main thread's reason."""


def listen() -> None:
    """Let the signals end this program. One that is ignored, as under nohup, stays so."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)


def _on_signal(number: int, _: object) -> None:
    """End the run at the first signal; a second Ctrl-C leaves at once, other signals change nothing."""
    if _ended.is_set():
        if number == signal.SIGINT:
            sys.stderr.write("pos-loader: error: left at once; a rerun is safe and clears up\n")
            sys.stderr.flush()
            os._exit(EXIT_CODE)
        return
    _state["at"] = time.monotonic()
    _ended.set()
    if _state["held"]:
        _state["due"] = 1
        return
    raise KeyboardInterrupt


@contextmanager
def held() -> Iterator[None]:
    """Clear up without an interruption in the middle; a signal that comes meanwhile acts at the end."""
    _state["held"] += 1
    try:
        yield
    finally:
        _state["held"] -= 1
        if _state["due"] and not _state["held"]:
            _state["due"] = 0
            raise KeyboardInterrupt


def deafen() -> None:
    """Ignore the signals from now on, because this program ends already.

    Where an interruption cut off the evaluation of a text, in the import of a package say, Python ends by
    SIGINT and not with the exit code, although the interruption was caught. The next evaluation resets that.
    Source: https://github.com/python/cpython/blob/v3.11.7/Python/pythonrun.c (run_eval_code_obj)
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    eval("0")  # noqa: S307


def cause(error: BaseException) -> BaseException:
    """Return the interruption where there was one: what it cuts off may fail in any other way."""
    return KeyboardInterrupt() if _ended.is_set() else error


def check() -> None:
    """Raise `Stopped` where this thread's run ends; the main thread goes on, because it clears up."""
    if threading.current_thread() is not threading.main_thread() and (
        _ended.is_set() or _token.get() in _stopped
    ):
        raise Stopped


def pause(seconds: float) -> None:
    """Sleep, and end early where the run ends; the main thread is interrupted by the signal itself."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        check()
        time.sleep(min(left, 0.2))


def since() -> float | None:
    """Return how long ago the signal came, in seconds; none where none came."""
    return time.monotonic() - _state["at"] if _ended.is_set() else None


def under(token: str, task: Callable[[Item], Result], item: Item) -> Result:
    """Do a task in a process that does those of other loads, too; `stop` with the same token ends it."""
    _token.set(token)
    check()
    return task(item)


def stop(token: str) -> None:
    """End the tasks under this token, in this process."""
    _stopped.add(token)
