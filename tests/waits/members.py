"""A native MongoDB replica set whose members can be killed, frozen or cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import psutil
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from pos_sandbox import mongo_tools
from pos_sandbox.process import HOST, Deadline, Server, start, stop, wait_for
from pos_sandbox.settings import cache_folder
from tests import session

SET = "members"
QUICKLY = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
"""So that an election takes three seconds."""


@dataclass(frozen=True)
class Members:
    """The processes of the set, its first primary at the head, and its address."""

    processes: tuple[psutil.Process, ...]
    uri: str

    @property
    def is_led_by_the_first(self) -> bool:
        """Whether the first member is the primary; after an election it takes the place back."""
        with MongoClient[dict[str, Any]](
            self.uri.partition(",")[0].partition("/?")[0], directConnection=True
        ) as one:
            return bool(one.admin.command("hello")["isWritablePrimary"])

    def kill_a_secondary(self) -> None:
        """Kill the last member; it stays down."""
        self.processes[-1].kill()
        self.processes[-1].wait(10)


@contextmanager
def replica_set(root: Path, *, members: int = 3) -> Iterator[Members]:
    """Start at most five members in `root`; stop them at the end, also killed and frozen ones."""
    ports = [*astuple(session.free_ports())][:members]
    command = mongo_tools.find_native(cache_folder(), print)
    processes = []
    try:
        for port in ports:
            processes.append(start(_member(root, port), command))
        for port, process in zip(ports, processes, strict=True):
            wait_for(_member(root, port), process, lambda port=port: _answers(port), deadline=Deadline(60))  # type: ignore[misc]
        uri = f"mongodb://{','.join(f'{HOST}:{port}' for port in ports)}/?replicaSet={SET}"
        _initiate(ports)
        wait_for(
            _member(root, ports[0]), processes[0], lambda: _is_whole(uri, members), deadline=Deadline(60)
        )
        yield Members(tuple(processes), uri)
    finally:
        for process in processes:
            if process.is_running():
                process.resume()
        stop(processes, grace=30)


def _member(root: Path, port: int) -> Server:
    data = root / f"member-{port}"
    data.mkdir(parents=True, exist_ok=True)
    log = root / f"member-{port}.log"
    flags = (
        f"--replSet={SET}",
        f"--dbpath={data}",
        f"--logpath={log}",
        f"--bind_ip={HOST}",
        f"--port={port}",
    )
    memory = ("--wiredTigerCacheSizeGB=0.25", "--oplogSize=64")
    quiet = ("--nounixsocket", "--setParameter=diagnosticDataCollectionEnabled=false")
    brief = ("--setParameter=shutdownTimeoutMillisForSignaledShutdown=100",)
    return Server(f"member-{port}", "member", "mongod", port, log, (*flags, *memory, *quiet, *brief))


def _answers(port: int) -> bool | None:
    try:
        with MongoClient[dict[str, Any]](HOST, port, directConnection=True, timeoutMS=2000) as client:
            return bool(client.admin.command("ping"))
    except PyMongoError:
        return None


def _initiate(ports: list[int]) -> None:
    members = [
        {"_id": number, "host": f"{HOST}:{port}", "priority": 2 if number == 0 else 1}
        for number, port in enumerate(ports)
    ]
    with MongoClient[dict[str, Any]](HOST, ports[0], directConnection=True) as client:
        client.admin.command("replSetInitiate", {"_id": SET, "members": members, "settings": QUICKLY})


def _is_whole(uri: str, members: int) -> bool | None:
    """True once there is a primary and all others follow it."""
    try:
        with MongoClient[dict[str, Any]](uri, timeoutMS=5000) as client:
            states = [each["stateStr"] for each in client.admin.command("replSetGetStatus")["members"]]
    except (OperationFailure, PyMongoError):
        return None
    return sorted(states) == ["PRIMARY", *["SECONDARY"] * (members - 1)] or None
