"""Every wait for a server has one bound and one line, and is counted.

A wait is the time in which a server gives no sign of life. Small commands are waits from their start on
(`waiting`). Work may take as long as it takes: while it runs, another connection asks now and then whether
the server lives (`watched`), and only an answer that stays away is a wait.

All waits for one server at the same time are one wait, which has the bound once. When it has failed, the
server is given up: what still has to be cleared up there waits for `GRACE_SECONDS` only.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, ClassVar, TypeVar

from pos_loader import stopping
from pos_loader.collection import Wait

Result = TypeVar("Result")

BOUND_SECONDS = 30.0
"""The default of POS_MONGO_TIMEOUT: longer than an election, which takes up to 12 s."""
LINE_SECONDS = 3.0
"""A wait this long gets a line."""
WORK_LINE_SECONDS = 60.0
"""How often work that goes on gets a line."""
GRACE_SECONDS = 1.0
"""What a server that has been given up may take."""
ENDING_SECONDS = 10.0
"""How long an interrupted run may wait in all, to clear up."""
ASK_SECONDS = 1.0
"""How often work is asked about."""


@dataclass(eq=False)
class _Call:
    server: str
    purpose: str
    bound: float
    since: float

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self.since, 1)

    @property
    def is_long(self) -> bool:
        return self.seconds >= LINE_SECONDS

    @property
    def wait(self) -> Wait:
        return Wait(self.server, self.purpose, self.seconds)


Event = Mapping[str, Any]
"""What another process has: a long wait that has begun or ended (its name and fields), a server given up."""


@dataclass
class _Waits:
    """What waits now, by server; the reporter says so when it takes long."""

    tell: Callable[[str], None] = lambda _: None
    send: Callable[[Event], None] = lambda _: None
    waits: list[Wait] = field(default_factory=list)
    calls: list[_Call] = field(default_factory=list)
    told: dict[str, _Call] = field(default_factory=dict)
    elsewhere: dict[str, _Call] = field(default_factory=dict)
    """The calls of other processes, by name."""
    given_up: set[str] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)
    pause: threading.Event = field(default_factory=threading.Event)
    is_reported: bool = False

    def begin(self, call: _Call) -> None:
        with self.lock:
            self.calls.append(call)
            if not self.is_reported:
                self.is_reported = True
                threading.Thread(target=self.report, name="waits", daemon=True).start()

    def end(self, call: _Call) -> None:
        with self.lock:
            self.say(call)
            self.calls.remove(call)
            first = self.told.get(call.server)
            if first and not any(each.is_long for each in self.calls if each.server == call.server):
                del self.told[call.server]
                self.waits.append(first.wait)
                self.send(_event(first, is_over=True))

    def say(self, call: _Call) -> None:
        """Say once for each server what is waited for."""
        if call.is_long and call.server not in self.told:
            self.told[call.server] = call
            self.tell(f"waiting for {call.server} to {call.purpose}, at most {call.bound:.0f} s")
            self.send(_event(call, is_over=False))

    def report(self) -> None:
        while True:
            self.pause.wait(0.5)
            with self.lock:
                for call in self.calls:
                    self.say(call)

    def left(self, server: str, bound: float) -> float:
        """Return how long a call that begins now may wait for the server."""
        since = stopping.since()
        if since is not None:
            bound = min(bound, ENDING_SECONDS - since)
        if server in self.given_up:
            return GRACE_SECONDS
        now = time.monotonic()
        began = min([call.since for call in self.calls if call.server == server], default=now)
        return max(min(bound, GRACE_SECONDS), bound - (now - began))


_now = _Waits()


@contextmanager
def told(tell: Callable[[str], None]) -> Iterator[None]:
    """Hand the lines to `tell` during the block, and count its waits from zero."""
    _now.tell, _now.waits, _now.given_up = tell, [], set()
    try:
        yield
    finally:
        _now.tell = lambda _: None


def waits() -> tuple[Wait, ...]:
    """Return the waits that had a line so far, those that go on included."""
    with _now.lock:
        return (*_now.waits, *(call.wait for call in _now.told.values()))


def _event(call: _Call, *, is_over: bool) -> Event:
    name = f"{socket.gethostname()} {os.getpid()} {id(call)}"
    fields = {"server": call.server, "purpose": call.purpose, "bound": call.bound, "seconds": call.seconds}
    return {"name": name, "is_over": is_over, **fields}


def forward(send: Callable[[Event], None]) -> None:
    """Hand this process's long waits to another process, whose `receive` takes them."""
    _now.send = send


def receive(event: Event) -> None:
    """Take over a wait of another process: it gets its line here, and is counted here."""
    if "given_up" in event:
        _now.given_up.add(event["given_up"])
        return
    with _now.lock:
        call = _now.elsewhere.pop(event["name"], None)
        if call is not None:
            _now.end(call)
        elif not event["is_over"]:
            since = time.monotonic() - event["seconds"]
            call = _Call(event["server"], event["purpose"], event["bound"], since)
            _now.elsewhere[event["name"]] = call
            _now.begin(call)


def give_up(server: str) -> None:
    """Wait no longer than for a moment for this server, until it answers again."""
    _now.given_up.add(server)
    _now.send({"given_up": server})


def left(server: str, bound: float) -> float:
    """Return how many seconds a wait for the server may still take, counted from its last sign of life."""
    with _now.lock:
        return _now.left(server, bound)


@contextmanager
def waiting(server: str, purpose: str, bound: float, *, since: float | None = None) -> Iterator[float]:
    """Count the block as a wait for the server; yield how many seconds it may take.

    `since` is when the server last gave a sign of life, if that was before the block.
    """
    stopping.check()
    call = _Call(server, purpose, bound, time.monotonic() if since is None else since)
    _now.begin(call)
    seconds = _now.left(server, bound)
    try:
        yield seconds
        _now.given_up.discard(server)
    finally:
        _now.end(call)


class _Work:
    """Work that one thread does while another one waits for it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._context, self._work = copy_context(), work
        self.is_done = threading.Event()
        self.error: BaseException | None = None
        self.result: Any = None

    def run(self) -> None:
        try:
            self.result = self._context.run(self._work)
        except BaseException as error:  # a panic in a native library is not an Exception
            self.error = error


class _Hand(threading.Thread):
    """A thread that does one work after another, and that nobody waits for when the program ends.

    Threads that end may stop a program for ever while another thread lists the frames, as the profiler of
    Dask does, so they are used again.
    Source: https://github.com/python/cpython/issues/106883
    """

    free: ClassVar[list[_Hand]] = []

    def __init__(self) -> None:
        super().__init__(name="work", daemon=True)
        self._works: SimpleQueue[_Work] = SimpleQueue()

    def run(self) -> None:
        while True:
            work = self._works.get()
            work.run()
            self.free.append(self)
            work.is_done.set()
            del work

    @classmethod
    def do(cls, work: _Work) -> None:
        """Do work in a free thread, or in a new one where there is none."""
        try:
            hand = cls.free.pop()
        except IndexError:
            hand = cls()
            hand.start()
        hand._works.put(work)


def watched(
    work: Callable[[], Result],
    ask: Callable[[float], None],
    *,
    doing: str,
    abandon: Callable[[], None] | None = None,
) -> Result:
    """Do work that may take long, and ask the server now and then whether it lives; each minute gets a line.

    `ask` gets the time of the last sign of life. It returns at once where the server lives, and raises when
    it has waited too long: then the work is left alone in its thread. An interrupted run calls `abandon`,
    gives the work a moment to reach the server or to end, and leaves it alone, too. Without `abandon`, the
    work ends by itself soon, and is waited for.
    """
    begun = _Work(work)
    _Hand.do(begun)
    try:
        _watch(begun, ask, doing, abandon)
    except (KeyboardInterrupt, stopping.Stopped):
        with stopping.held(), suppress(Exception):
            if abandon is not None:
                abandon()
            begun.is_done.wait(ENDING_SECONDS if abandon is None else GRACE_SECONDS)
        raise
    if begun.error is not None:
        raise begun.error
    result: Result = begun.result
    return result


def _watch(work: _Work, ask: Callable[[float], None], doing: str, abandon: Callable[[], None] | None) -> None:
    """Return when the work is done."""
    began = asked = said = time.monotonic()
    while not work.is_done.wait(0.2):
        if abandon is not None:
            stopping.check()
        if time.monotonic() - asked < ASK_SECONDS:
            continue
        try:
            ask(asked)
        except BaseException:
            if not work.is_done.is_set():
                raise
        asked = time.monotonic()
        if asked - said >= WORK_LINE_SECONDS:
            said = asked
            _now.tell(f"still at work for {asked - began:.0f} s: {doing}")
