"""Leases, so that one load at a time works on a collection. Each has an owner, a heartbeat and an expiry.

They are kept in a collection beside the published ones. The server's clock decides (`$$NOW`), so the loaders'
clocks need not agree. A lease outlives its owner by at most its term. The lease of an owner that is known to
be dead (same machine, no such process) can be taken at once.

A transaction outlives its client by a minute and blocks later writes. So a lease names the session that
writes under it, and the next owner ends that session.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import psutil
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from pos_loader import stopping
from pos_loader.errors import DataError, PartialLoad
from pos_loader.servers import mongo, waiting

LEASES = "pos_loader_leases"
TERM_SECONDS = 60
_POLL_SECONDS = 0.5


def process_space() -> str:
    """Name the space in which this process's id is unique: this boot of the kernel, this container.

    Containers may share a host's name but not its processes. Empty where the kernel does not tell.
    Source: https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> float:
    """Say when a process started, in seconds since the boot, which no change of the clock moves."""
    boot = psutil.boot_time()
    return psutil.Process(pid).create_time() - boot


@dataclass(frozen=True)
class Owner:
    """The process that holds a lease. Its start time tells it from a later process with the same id."""

    load_id: str
    host: str = field(default_factory=socket.gethostname)
    process_space: str = field(default_factory=process_space)
    pid: int = field(default_factory=os.getpid)
    process_started: float = field(default_factory=lambda: _started(os.getpid()))

    def __str__(self) -> str:
        """Name the owner in a message."""
        return f"load {self.load_id}, process {self.pid} on {self.host}"

    @property
    def is_dead(self) -> bool:
        """Whether the process has certainly ended. False for a process of another host or container."""
        if (self.host, self.process_space) != (socket.gethostname(), process_space()):
            return False
        try:
            is_another = abs(_started(self.pid) - self.process_started) > 1
            return is_another or psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True


class Lease:
    """The leases of one load. Each is renewed in the background until the load ends."""

    def __init__(self, database: mongo.Database, names: Sequence[str], owner: Owner) -> None:
        """Prepare. `acquire` then takes the leases."""
        self._leases = database[LEASES]
        self._names, self._owner = sorted(names), owner
        self._taken: list[str] = []
        self._stop, self._lost = threading.Event(), threading.Event()

    def require(self) -> None:
        """Raise `PartialLoad` where a lease is lost, because another load may have started."""
        ours = {"_id": {"$in": self._names}, "load_id": self._owner.load_id, "$expr": _alive()}
        with mongo.translated(self._leases.database.client, "look up the lease"):
            held = self._leases.count_documents(ours)
        if self._lost.is_set() or held < len(self._names):
            raise PartialLoad(
                "the lease of this load has expired",
                where=f"{self._leases.full_name}",
                fix="nothing was published; run again",
            )

    def acquire(self, *, wait: float) -> None:
        """Take all leases in order of name. Wait up to `wait` seconds for other loads to end.

        Raises `DataError`, which names the owner, where another load still holds one; `PartialLoad` where a
        lease was lost meanwhile.
        """
        deadline = time.monotonic() + wait
        for name in self._names:
            if not self._take(name):
                with waiting.waiting(self._holder(name), "end", wait):
                    self._take_until(name, deadline)
            self._taken.append(name)
        self.require()

    def _take_until(self, name: str, deadline: float) -> None:
        while not self._take(name):
            if time.monotonic() >= deadline:
                raise DataError(
                    f"collection {name} is being loaded by {self._holder(name)}",
                    where=self._leases.full_name,
                    fix="wait for it to end (--wait SECONDS), then run again",
                )
            time.sleep(_POLL_SECONDS)

    def release(self) -> None:
        """Give all leases back. Where MongoDB does not answer, they end with this process or expire."""
        with suppress(PyMongoError), mongo.bounded(self._leases.database.client, "give the lease back"):
            self._leases.delete_many({"_id": {"$in": self._names}, "load_id": self._owner.load_id})

    def renew(self) -> None:
        """Extend the leases until `stop` is called. Ends early where another load has taken one of them."""
        while not self._stop.wait(TERM_SECONDS / 4):
            taken = [*self._taken]
            try:
                ours = {"_id": {"$in": taken}, "load_id": self._owner.load_id}
                renewed = self._leases.update_many(ours, [{"$set": _expiry()}])
            except PyMongoError:
                continue  # the term is longer than an election, and `require` finds out whether it was enough
            if renewed.matched_count < len(taken):
                self._lost.set()
                return

    def stop(self) -> None:
        """End the renewal."""
        self._stop.set()

    def _holder(self, name: str) -> str:
        with mongo.translated(self._leases.database.client, "look up the lease"):
            held = self._leases.find_one({"_id": name})
        return str(_owner(held)) if held else "a load that has just ended"

    def _take(self, name: str) -> bool:
        with mongo.translated(self._leases.database.client, "take the lease"):
            return self._taken_over(name)

    def _taken_over(self, name: str) -> bool:
        held = self._leases.find_one({"_id": name})
        free: dict[str, Any] = {"$expr": {"$not": _alive()}}
        if held and _owner(held).is_dead:
            free = {"load_id": held["load_id"]}
        taken = {**asdict(self._owner), "acquired_at": "$$NOW", **_expiry()}
        change: list[dict[str, Any]] = [{"$set": taken}, {"$unset": "session"}]
        if self._leases.update_one({"_id": name, **free}, change).matched_count:
            if held and "session" in held:
                self._end(held["session"])
            return True
        ours = {"_id": name, "load_id": self._owner.load_id}
        try:
            self._leases.update_one(ours, change, upsert=True)
        except DuplicateKeyError:  # another load holds it
            return False
        return True

    def _end(self, session: Mapping[str, Any]) -> None:
        with suppress(OperationFailure):  # without the privilege, the transaction ends by itself in a minute
            self._leases.database.client.admin.command("killSessions", [session])


def announce(database: mongo.Database, names: Sequence[str], *, load_id: str, session: ClientSession) -> None:
    """Write into the leases of `names` which session is going to write under them."""
    ours = {"_id": {"$in": list(names)}, "load_id": load_id}
    with mongo.translated(database.client, "note the session of the load"):
        database[LEASES].update_many(ours, {"$set": {"session": session.session_id}})


def _owner(held: dict[str, Any]) -> Owner:
    return Owner(**{item.name: held.get(item.name, "") for item in fields(Owner)})


def _expiry() -> dict[str, Any]:
    return {"expires_at": {"$add": ["$$NOW", TERM_SECONDS * 1000]}}


def _alive() -> dict[str, Any]:
    return {"$gt": ["$expires_at", "$$NOW"]}


@contextmanager
def lease(database: mongo.Database, names: Sequence[str], owner: Owner, *, wait: float) -> Iterator[Lease]:
    """Hold the leases of `names` during the `with` block.

    Raises `DataError`, which names the owner, where another load holds one for longer than `wait` seconds.
    """
    held = Lease(database, names, owner)
    heartbeat = threading.Thread(target=held.renew, name="lease", daemon=True)
    heartbeat.start()
    try:
        held.acquire(wait=wait)
        yield held
    finally:
        held.stop()
        with stopping.held():
            held.release()
