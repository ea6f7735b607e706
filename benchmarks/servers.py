"""The measured servers: MariaDB, and a native mongod or a cluster.

The mongod is a replica set of one member. The cluster is the sandbox's: config server, two shards, mongos. On
x86-64 it runs in an emulator, which slows MongoDB down and makes every client look good. Compare its figures
only with the raw insert through the same mongos.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from benchmarks.setting import cpu_seconds
from pos_sandbox import mariadb, mongo_tools, mongodb, single
from pos_sandbox.cluster import START_SECONDS
from pos_sandbox.process import HOST, Deadline, Server, refuse_taken_port, running, start, stop, wait_for
from pos_sandbox.settings import cache_folder

CACHE_BYTES = psutil.virtual_memory().total // 4
"""Of MariaDB and of MongoDB each: what lies in memory at one size should at ten times that size."""


@dataclass(frozen=True)
class Servers:
    """Where MariaDB and MongoDB listen, and the processes of each."""

    mariadb_port: int
    mongo_uri: str
    processes: dict[str, list[psutil.Process]]

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds that each has used so far, user and system, over all its processes."""
        return {name: cpu_seconds(found) for name, found in self.processes.items()}


@contextlib.contextmanager
def servers(root: Path, *, mariadb_port: int, store_port: int, cluster: bool = False) -> Iterator[Servers]:
    """Start both in `root`, or use those that run there; stop at the end what was started here.

    A cluster's mongos listens on `store_port`, its other servers on the next three ports.
    """
    with source(root, mariadb_port) as database:
        stores = _cluster(root, store_port) if cluster else (_single(root, store_port),)
        with _left_as_found(stores) as kept:
            if cluster:
                tools = mongo_tools.find(cache_folder(), _note)
                mongodb.bring_up(stores, kept, tools, deadline=Deadline(START_SECONDS))
            elif not kept:
                command = mongo_tools.find_native(cache_folder(), _note)
                _start(stores[0], command, lambda: single.primary(store_port))
            processes = {"mariadb": [database], "mongodb": [*running(stores).values()]}
            yield Servers(mariadb_port, f"mongodb://{HOST}:{store_port}", processes)


@contextlib.contextmanager
def source(root: Path, port: int) -> Iterator[psutil.Process]:
    """Start MariaDB alone, with enough memory for the data (the sandbox's has less)."""
    root.mkdir(parents=True, exist_ok=True)
    server = mariadb.server(root, port)
    server = replace(server, flags=(*server.flags, f"--innodb-buffer-pool-size={CACHE_BYTES}"))
    with _left_as_found((server,)) as kept:
        if not kept:
            _start(server, mariadb.prepare(root), lambda: mariadb.version(port))
        yield running((server,))[server.name]


@contextlib.contextmanager
def _left_as_found(described: Sequence[Server]) -> Iterator[dict[str, psutil.Process]]:
    """Yield those that run already; at the end, stop the others."""
    kept = running(described)
    try:
        yield kept
    finally:
        stop([process for name, process in running(described).items() if name not in kept], grace=30)


def _start(server: Server, command: tuple[str, ...], answer: Callable[[], object | None]) -> None:
    refuse_taken_port(server)
    wait_for(server, start(server, command), answer, deadline=Deadline(START_SECONDS))


def _cluster(root: Path, port: int) -> tuple[Server, ...]:
    """Start the sandbox's cluster in a folder for these ports, because replica sets store their ports."""
    home = root / f"cluster-{port}"
    home.mkdir(exist_ok=True)
    return mongodb.servers(home, mongos=port, config=port + 1, shard1=port + 2, shard2=port + 3)


def _single(root: Path, port: int) -> Server:
    return single.server(root, port, cache_gb=CACHE_BYTES / 2**30)


def _note(text: str) -> None:
    print(text, file=sys.stderr)
