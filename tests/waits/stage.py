"""A MariaDB and a replica set of the test's own, and a load between them that something may go wrong with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from pos_loader.publish.builds import BUILDS
from pos_sandbox import mariadb
from pos_sandbox.cluster import Endpoints
from pos_sandbox.process import HOST, Deadline, start, stop, wait_for
from tests import session
from tests.loader.handmade import NAME, Mart, publishable
from tests.loader.manifests import Manifest
from tests.loader.running import Documents, Loader, connect, left_behind
from tests.waits.members import Members, replica_set
from tests.warehouse import new_warehouse

ROWS = 6000
SHOPS = Mart(
    {"shop_id": "bigint", "version": "int", "name": "varchar(80)"},
    ("shop_id",),
    query=f"select seq, 1, concat(repeat('x', 60), seq) from seq_1_to_{ROWS}",
)
DECLARED: Manifest = {
    "root": "shops",
    "key": "shop_id",
    "shard_key": "none",
    "indexes": [{"keys": {"name": 1}}],
}
SYNC = ("load", "--no-gate", "--partition-rows", "300")
REFRESH = (*SYNC, "--full-refresh")


@dataclass(frozen=True)
class Stage:
    """The servers, and a collection that is published from a mart of one version after the other."""

    loader: Loader
    database: Documents
    mariadb: psutil.Process
    members: Members

    def change(self) -> int:
        """Give every row another version, and return the one that readers see."""
        seen = self.seen()
        self.loader.warehouse.query(f"update shops set version = {seen + 1}")
        return seen

    def seen(self) -> int:
        """The version that readers see; a mixture fails the test."""
        (version,) = self.database[NAME].distinct("version")
        assert self.database[NAME].count_documents({}) == ROWS
        return int(version)

    def left(self) -> list[str]:
        """Builds, leases and notes that outlived their load."""
        return left_behind(self.database) + [str(note["_id"]) for note in self.database[BUILDS].find()]

    def building(self) -> bool:
        """Whether a build has been made."""
        return any("__build_" in name for name in self.database.list_collection_names())


@contextmanager
def set_up(root: Path, manifest: Manifest, *, members: int = 1) -> Iterator[Stage]:
    """Start the servers, publish version 1, and stop the servers at the end, also frozen ones."""
    port = session.free_ports().mariadb
    server = mariadb.server(root, port)
    process = start(server, mariadb.prepare(root))
    try:
        wait_for(server, process, lambda: mariadb.version(port), deadline=Deadline(60))
        with replica_set(root, members=members) as found, connect(found.uri) as client:
            endpoints = Endpoints(HOST, port, mariadb.USER, mariadb.PASSWORD, found.uri)
            warehouse = new_warehouse(endpoints, root / "shops", "shop")
            loader = Loader(warehouse, found.uri, "shop", select=())
            publishable(loader, manifest, {"shops": SHOPS}, DECLARED)
            loader.done(*REFRESH)
            yield Stage(loader, client["shop"], process, found)
    finally:
        if process.is_running():
            process.resume()
        stop([process], grace=30)


def wait_until(reached: Callable[[], bool], *, seconds: float = 100) -> None:
    """Poll until the moment has come."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)
