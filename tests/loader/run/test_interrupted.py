"""A load killed, interrupted or robbed of its marts: readers keep a whole collection, a rerun succeeds."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import bson
import pytest
from bson.int64 import Int64
from pymongo.errors import OperationFailure

from pos_sandbox.cluster import Endpoints
from tests.loader.handmade import Mart, publishable
from tests.loader.manifests import Manifest
from tests.loader.running import Documents, Finished, Loader, connect, content, left_behind
from tests.warehouse import new_warehouse

pytestmark = pytest.mark.native

NAME = "handmade"
SHOPS, ROWS = "shops", 4000
SHOP = Mart(
    {"shop_id": "bigint", "version": "int", "name": "varchar(80)"},
    ("shop_id",),
    query=f"select seq, 1, repeat('x', 60) from seq_1_to_{ROWS}",
)
DECLARED: Manifest = {"root": "shops", "key": "shop_id", "shard_key": {"_id": "hashed"}}
REFRESH = ("load", "--full-refresh", "--no-gate", "--quiet", "--partition-rows", "100")
SLOWLY = (*REFRESH, "--workers", "1")
KILLS, SEED = 3, 20240506


@dataclass(frozen=True)
class Shops:
    """A published collection of 4,000 documents, and its mart, which has the one or the other version."""

    loader: Loader
    database: Documents

    def seen(self) -> int:
        """The version readers see; anything but one whole version, to the byte, fails the test."""
        documents = self._settled()
        found = [version for version in (1, 2) if documents == expected(version)]
        assert found, f"{len(documents)} bytes are no version"
        return found[0]

    def _settled(self) -> bytes:
        """What is published when nothing that a killed load began is still going on."""
        while True:
            try:
                documents = content(self.database, NAME)
                if documents == content(self.database, NAME):
                    return documents
            except OperationFailure:  # a rename ends the cursors on what it replaces
                continue

    def change(self) -> int:
        """Give the mart the version that readers do not see, and return the one they see."""
        seen = self.seen()
        self.loader.warehouse.query(f"update {SHOPS} set version = {3 - seen}")
        return seen


def expected(version: int) -> bytes:
    rows = ({"_id": Int64(key), "version": version, "name": "x" * 60} for key in range(1, ROWS + 1))
    return b"".join(map(bson.encode, rows))


@pytest.fixture(scope="module")
def shops(
    servers: Endpoints, manifest: Manifest, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shops]:
    warehouse = new_warehouse(servers, tmp_path_factory.mktemp("shops"), f"{database}_marts")
    loader = Loader(warehouse, servers.mongo_uri, database, select=())
    publishable(loader, manifest, {SHOPS: SHOP}, DECLARED)
    loader.done(*REFRESH)
    with connect(servers.mongo_uri) as client:
        yield Shops(loader, client[database])
    warehouse.query(f"drop database {warehouse.schema}")


def build_holds(shops: Shops) -> int:
    """Documents in the build of a running load."""
    builds = shops.database.list_collection_names(filter={"name": {"$regex": "__build_"}})
    return max((shops.database[name].estimated_document_count() for name in builds), default=0)


def stop_at(process: subprocess.Popen[str], reached: Callable[[], bool], how: signal.Signals) -> Finished:
    """Send the signal as soon as the moment has come; a process that ends before that has passed it."""
    deadline = time.monotonic() + 200
    while process.poll() is None and not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(how)
    return ended(process)


def ended(process: subprocess.Popen[str]) -> Finished:
    stdout, stderr = process.communicate(timeout=200)
    return Finished(process.returncode, stdout, stderr)


def test_a_killed_refresh_leaves_the_old_or_the_new_collection_whole(shops: Shops) -> None:
    chance = random.Random(SEED)  # noqa: S311
    started = time.monotonic()
    shops.loader.done(*REFRESH)
    duration = time.monotonic() - started
    for part in range(KILLS):
        shops.change()
        at = time.monotonic() + duration * (part + chance.random()) / KILLS
        stop_at(shops.loader.start(*REFRESH), lambda at=at: time.monotonic() > at, signal.SIGKILL)  # type: ignore[misc]
        shops.seen()

    old = shops.change()
    killed = stop_at(shops.loader.start(*SLOWLY), lambda: build_holds(shops) > 0, signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    assert shops.seen() == old
    assert len(left_behind(shops.database)) == 2, "the build and the lease of the killed load"

    shops.change()
    stop_at(shops.loader.start(*REFRESH), lambda: build_holds(shops) == ROWS, signal.SIGKILL)
    shops.seen()

    old = shops.change()
    newest = {"_id": ROWS, "version": 3 - old}
    stop_at(
        shops.loader.start(*REFRESH),
        lambda: shops.database[NAME].find_one(newest) is not None,
        signal.SIGKILL,
    )
    assert shops.seen() == 3 - old

    old = shops.change()
    shops.loader.done(*REFRESH)
    assert shops.seen() == 3 - old
    assert left_behind(shops.database) == []
    assert shops.loader.run("verify").code == 0


@pytest.fixture
def _interrupts_count() -> Iterator[None]:
    """A shell starts what it puts into the background deaf to SIGINT, and its children are deaf as well."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupts_count")
def test_an_interrupted_refresh_says_so_in_one_line(shops: Shops) -> None:
    old = shops.change()
    stopped = stop_at(shops.loader.start(*SLOWLY), lambda: build_holds(shops) > 0, signal.SIGINT)
    assert stopped.code == 130
    assert stopped.error.startswith("interrupted; ")
    assert shops.seen() == old
    shops.loader.done(*REFRESH)
    assert shops.seen() == 3 - old
    assert left_behind(shops.database) == []


def test_a_mart_dropped_under_the_loader_ends_it_part_way(shops: Shops) -> None:
    old = shops.change()
    process = shops.loader.start(*SLOWLY)
    while process.poll() is None and not build_holds(shops):
        time.sleep(0.01)
    shops.loader.warehouse.query(f"rename table {SHOPS} to {SHOPS}_away")
    stopped = ended(process)
    shops.loader.warehouse.query(f"rename table {SHOPS}_away to {SHOPS}")
    assert stopped.code == 4
    assert SHOPS in stopped.error
    assert shops.seen() == old


def test_a_mart_rebuilt_under_the_loader_is_read_again_or_ends_it_part_way(shops: Shops) -> None:
    old, done, swaps = shops.change(), threading.Event(), []

    def rebuild() -> None:
        while not done.wait(0.05):
            for statement in (
                f"create table new_ like {SHOPS}",
                f"insert into new_ select * from {SHOPS}",
                f"rename table {SHOPS} to old_, new_ to {SHOPS}",
                "drop table old_",
            ):
                shops.loader.warehouse.query(statement)
            swaps.append(1)

    builder = threading.Thread(target=rebuild)
    builder.start()
    try:
        stopped = shops.loader.run(*REFRESH)
    finally:
        done.set()
        builder.join()
    assert swaps
    assert stopped.code in (0, 4), stopped
    assert shops.seen() == (3 - old if stopped.code == 0 else old)
    if stopped.code == 4:
        assert stopped.error
