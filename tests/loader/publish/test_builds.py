"""Publishing on a real cluster, while a reader counts all the time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from pos_loader.collection import Collection, Index
from pos_loader.errors import ConnectionFailed, DataError
from pos_loader.publish import builds, insert, layout, live_layout
from pos_loader.run.faults import Faults
from pos_loader.run.ownership import Claim
from pos_loader.run.showing import show
from pos_loader.run.staging import Build, Staged
from pos_loader.run.survey import Work
from pos_loader.run.tally import Tally
from pos_loader.servers import mongo, mongo_client
from pos_loader.verify import every_byte
from tests.faults.reader import RETRYABLE
from tests.loader.mongo_helpers import WHOLE, AnswerLosingProxy, command, customers, declare, documents


def _build(
    client: mongo.Client, topology: mongo_client.Topology, declared: Collection, load_id: str, count: int
) -> str:
    name = builds.build_name(declared.collection, load_id.rjust(16, "0"))
    handle = layout.create(client, declared, name, topology=topology)
    insert.insert(handle, documents(customers(count)))
    layout.complete(handle, declared)
    return name


@contextmanager
def _polling(uri: str, database: str, name: str) -> Iterator[Counter[int | str]]:
    """Count a collection's documents again and again, from another connection.

    A rename interrupts a count with an error that calls for a retry, as the guide to publishing says.
    """
    seen: Counter[int | str] = Counter()
    done = threading.Event()

    def poll() -> None:
        with mongo_client.connect(uri) as reader:
            while not done.is_set():
                try:
                    seen[reader[database][name].count_documents({})] += 1
                    done.wait(0.005)
                except PyMongoError as error:
                    if getattr(error, "code", None) not in RETRYABLE:
                        seen[mongo.reason(error)] += 1

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _wait_for(seen: Counter[int | str], count: int) -> None:
    deadline = time.monotonic() + 30
    while count not in seen:
        assert time.monotonic() < deadline, f"reader saw {seen} and never {count}"
        time.sleep(0.01)


def test_readers_see_the_old_or_the_new_and_nothing_between(
    client: mongo.Client, topology: mongo_client.Topology, database: str, servers: Any
) -> None:
    declared = declare(database, Index((("state", 1), ("email", 1)), {"name": "by_state"}))
    first = layout.create(client, declared, "customers", topology=topology)
    insert.insert(first, documents(customers(100)))
    layout.complete(first, declared)
    with _polling(servers.mongo_uri, database, "customers") as seen:
        for load_id, count in (("02", 250), ("03", 400)):
            _wait_for(seen, 100 if count == 250 else 250)
            builds.rename(client, database, _build(client, topology, declared, load_id, count), "customers")
        _wait_for(seen, 400)
    assert set(seen) == {100, 250, 400}, seen

    handle = client[database]["customers"]
    live = live_layout.describe(handle)
    assert live is not None
    assert live_layout.differences(declared, live) == []
    assert "by_state" in live.indexes
    shares = live_layout.shares(handle)
    assert set(shares) == set(topology.shards)
    assert sum(share.documents for share in shares.values()) == 400
    assert every_byte.compare(handle, documents(customers(400)), WHOLE) == every_byte.Comparison(same=400)
    assert builds.strays(client[database], "customers") == []
    assert client[database].command("checkMetadataConsistency")["cursor"]["firstBatch"] == []


def test_a_new_layout_replaces_the_old(
    client: mongo.Client, topology: mongo_client.Topology, database: str
) -> None:
    """Sharded replaces unsharded, another shard key replaces that, unsharded replaces that."""
    layouts: list[dict[str, int | str]] = [{}, {"_id": "hashed"}, {"_id": 1}, {}]
    handle = client[database]["reshaped"]
    for count, shard_key in enumerate(layouts, start=1):
        declared = declare(database, shard_key=shard_key, name="reshaped")
        builds.rename(client, database, _build(client, topology, declared, str(count), count), "reshaped")
        live = live_layout.describe(handle)
        assert live is not None
        assert live.shard_key == declared.shard_key
        assert live_layout.differences(declared, live) == []
        assert handle.count_documents({}) == count


def test_a_rename_whose_answer_was_lost_is_done_once(
    client: mongo.Client, topology: mongo_client.Topology, database: str, servers: Any
) -> None:
    build = _build(client, topology, declare(database, shard_key={}, name="lost"), "01", 10)
    host, port = parse_uri(servers.mongo_uri)["nodelist"][0]
    assert port is not None
    with (
        AnswerLosingProxy(host, port, marker=command("renameCollection"), lose=1) as proxy,
        mongo_client.connect(f"mongodb://127.0.0.1:{proxy.port}/") as through,
    ):
        builds.rename(through, database, build, "lost")
        assert proxy.left == 0
    assert client[database]["lost"].count_documents({}) == 10
    assert build not in client[database].list_collection_names()


def test_a_missing_build_and_a_view_are_refused(
    client: mongo.Client, topology: mongo_client.Topology, database: str
) -> None:
    with pytest.raises(DataError, match=r"there is no build .*absent__build_1 to publish"):
        builds.rename(client, database, "absent__build_1", "absent")
    client[database].command("create", "looking", viewOn="absent", pipeline=[])
    build = _build(client, topology, declare(database, shard_key={}, name="looking"), "01", 1)
    with pytest.raises(DataError, match=r"a view already exists.*the published data is untouched"):
        builds.rename(client, database, build, "looking")
    assert builds.strays(client[database], "looking") == [build]


def test_what_was_shown_before_a_fault_is_said(
    client: mongo.Client, topology: mongo_client.Topology, database: str
) -> None:
    def staged(name: str, build: str) -> Build:
        return Build(
            Work(declare(database, name=name), (), {}, []),
            Tally(),
            Claim(),
            live_layout.Changes(),
            rename=partial(builds.rename, client, database, build, name),
            discard=partial(builds.drop, client[database], build),
        )

    first = staged("shown", _build(client, topology, declare(database, name="shown"), "1a", 3))
    second = staged("left", "left__build_1a")
    job: Any = None  # of no use to renames
    faults = Faults()
    assert list(show(job, [second, first], faults, look_again=lambda: None)) == [first]
    assert str(faults.errors["left"]).startswith("there is no build")
    assert client[database]["shown"].count_documents({}) == 3

    def gone() -> None:
        raise ConnectionFailed("MongoDB is gone")

    shown: list[Staged] = []
    turns = [replace(first, rename=lambda: None), replace(second, rename=gone)]
    with pytest.raises(ConnectionFailed, match="shown published, left not: MongoDB is gone") as found:
        shown.extend(show(job, turns, Faults(), look_again=lambda: None))
    assert [each.work for each in shown] == [first.work]
    assert found.value.fix == "what is published is whole; run again for the rest"


def test_strays_are_builds_of_this_collection_only(client: mongo.Client, database: str) -> None:
    home = client[database]
    made = ["sales__build_65f0a1000000cafe", "sales__build_65f0b2000000cafe"]
    others = [
        "sales",
        "sales2__build_65f0a1000000cafe",
        "xsales__build_65f0a1000000cafe",
        "sales__build_",
        "sales__build_archive",
        "sales__build_65f0a1000000cafe_kept",
        "axb__build_65f0a1000000cafe",
        "a.b",
    ]
    for name in (*reversed(made), *others):
        home.create_collection(name)
    assert builds.strays(home, "sales") == made
    assert builds.strays(home, "a.b") == []
    builds.drop(home, made[0])
    builds.drop(home, made[0])
    assert builds.strays(home, "sales") == made[1:]
    assert set(others) <= set(home.list_collection_names())


def test_build_names_sort_by_load_and_refuse_odd_ids() -> None:
    assert builds.build_name("customers", "65f0a1b2000000ff") == "customers__build_65f0a1b2000000ff"
    with pytest.raises(ValueError, match="load id"):
        builds.build_name("customers", "2024-01-01")
