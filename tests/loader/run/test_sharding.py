"""Every sharding strategy on a real cluster, before and after a third shard joins while loads run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from bson.max_key import MaxKey
from bson.min_key import MinKey

from pos_sandbox import mongo_tools, mongodb
from pos_sandbox.cluster import START_SECONDS, Sandbox
from pos_sandbox.process import HOST, Deadline, start, stop
from pos_sandbox.settings import Ports, cache_folder
from tests import session
from tests.faults.reader import Reader, state
from tests.faults.shop import Shop, shop
from tests.loader.handmade import NAME
from tests.loader.manifests import Manifest

STRATEGIES: dict[str, Manifest] = {
    "hashed": {"shard_key": {"_id": "hashed"}},
    "ranged": {"shard_key": {"_id": 1}},
    "compound": {"shard_key": {"state": 1, "_id": 1}},
    "hashed compound": {"shard_key": {"state": "hashed", "_id": 1}},
    "zoned": {"shard_key": {"state": 1, "_id": 1}, "zones": {"west": ["CA", "WA"], "east": ["NY", None]}},
    "unsharded": {"shard_key": "none"},
}
QUERIES = """
queries:
  by-key:
    description: One store.
    collection: handmade
    pipeline: [{$match: {_id: 7}}, {$project: {_id: 0, state: 1}}]
    explain: {index: _id_, shards: one}
  by-keys:
    description: The first ten stores.
    collection: handmade
    pipeline: [{$match: {_id: {$lte: 10}}}, {$project: {_id: 0, state: 1}}]
    explain: {index: _id_, shards: all}
  by-state:
    description: The stores of California.
    collection: handmade
    pipeline: [{$match: {state: CA}}, {$project: {_id: 0, state: 1}}]
    explain: {index: state_1__id_1, shards: all, scan: true}
"""
LOADS = 6
TOGGLE = (
    "update stores set city = if(city like '%!', trim('!' from city), concat(city, '!')) "
    "where store_id <= 100"
)
RANGES: dict[str, tuple[str, Any, Any]] = {
    "by-key": ("_id", 7, 7),
    "by-keys": ("_id", MinKey(), 10),
    "by-state": ("state", "CA", "CA"),
}
"""The field that each query asks for, and the smallest and the largest value."""


@pytest.fixture(scope="module")
def growing(
    tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[], Ports], manifest: Manifest
) -> Iterator[tuple[Shop, ExitStack]]:
    """A shop on a cluster of its own, whose shards are in zones, and a place for what ends after the shop."""
    folder = tmp_path_factory.mktemp("growing")
    (folder / "queries.yml").write_text(QUERIES)
    with (
        Sandbox(folder / "sandbox", free_ports()) as sandbox,
        ExitStack() as later,
        shop(sandbox.endpoints, manifest, folder / "target", "test_sharding") as found,
    ):
        for shard, zone in (("shard1", "west"), ("shard2", "east")):
            found.documents.client.admin.command("addShardToZone", shard, zone=zone)
        yield found, later


def holders(found: Shop, field: str = "", low: object = None, high: object = None) -> set[str]:
    """The shards with chunks that may hold values of the first field of the shard key."""
    config = found.documents.client["config"]
    entry = config["collections"].find_one({"_id": found.documents[NAME].full_name}) or {}
    chunks = {"uuid": entry["uuid"]}
    if field:
        rest = [name for name in entry["key"] if name != field]
        chunks["min"] = {"$lte": {field: high, **dict.fromkeys(rest, MaxKey())}}
        chunks["max"] = {"$gt": {field: low, **dict.fromkeys(rest, MinKey())}}
    return {chunk["shard"] for chunk in config["chunks"].find(chunks)}


def explained(found: Shop, query: str) -> set[str]:
    """The shards that `--explain` names."""
    project = str(found.loader.warehouse.target_path.parent)
    finished = found.loader.run("query", query, "--explain", "--json", POS_PROJECT_DIR=project)
    assert finished.code == 0, finished
    (answer,) = finished.json if isinstance(finished.json, list) else (finished.json,)
    return {plan["shard"] for plan in answer["by_shard"]}


def require_spread(found: Shop, strategy: str, shards: set[str]) -> None:
    """Every shard that may hold documents holds some, and each query asks the shards that it must."""
    load = found.load("--full-refresh")
    documents = {name: share["documents"] for name, share in load["shards"].items() if share["documents"]}
    assert sum(documents.values()) == 200
    if strategy == "unsharded":
        assert len(documents) == 1
        assert [explained(found, query) for query in RANGES] == [set(documents)] * len(RANGES)
        return
    declared = STRATEGIES[strategy]
    first, kind = next(iter(declared["shard_key"].items()))
    # Five hashed states are a matter of luck; the ranges of all others are dealt to every shard.
    expected = set(documents) if strategy == "hashed compound" else shards
    assert set(documents) == expected
    assert holders(found) == shards
    for query, (field, low, high) in RANGES.items():
        asked = explained(found, query)
        if first != field:
            assert asked == shards, query
        elif kind == 1:
            assert asked == holders(found, field, low, high), query
        else:
            assert len(asked) == (1 if low == high else len(shards)), query
    if "zones" in declared:
        west = shards - {"shard2"}
        assert holders(found, "state", "CA", "CA") <= west
        assert holders(found, "state", "WA", "WA") <= west
        assert holders(found, "state", "NY", "NY") | holders(found, "state", None, None) == {"shard2"}
        assert holders(found, "state", "CA", "CA") | holders(found, "state", "WA", "WA") == west
    assert found.loader.run("verify", "--quiet").code == 0


def declare(found: Shop, strategy: str) -> None:
    found.declared.pop("zones", None)
    found.declare(**STRATEGIES[strategy])


class Loading:
    """Loads in turns by sync and by full refresh, as long as its `with` block lasts."""

    def __init__(self, found: Shop) -> None:
        self._shop, self._stop = found, threading.Event()
        self._thread = threading.Thread(target=self._load, name="loading")
        self.modes: list[str] = []
        self.faults: list[str] = []

    def __enter__(self) -> Loading:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _load(self) -> None:
        while not self.faults and not (self._stop.is_set() and len(self.modes) >= LOADS):
            self._shop.sql(TOGGLE)
            how = ["--full-refresh"] if len(self.modes) % 2 else []
            finished = self._shop.loader.run("load", "--no-gate", "--quiet", "--json", *how)
            if finished.code:
                self.faults.append(finished.stderr)
            else:
                self.modes.append(finished.json["collections"][0]["mode"])


@contextmanager
def third_shard(found: Shop) -> Iterator[None]:
    """A third shard, which has joined the cluster and the zone of the first."""
    sandbox = Sandbox(found.loader.warehouse.target_path.parent / "sandbox")
    (second,) = (server for server in sandbox.servers if server.name == "shard2")
    port = session.free_ports().more
    flags = tuple(
        flag.replace("shard2", "shard3").replace(f"--port={second.port}", f"--port={port}")
        for flag in second.flags
    )
    (sandbox.root / "shard3").mkdir()
    log = second.log.with_name("shard3.log")
    server = replace(second, name="shard3", group="shard3", port=port, log=log, flags=flags)
    process = start(server, mongo_tools.find(cache_folder(), lambda _: None).mongod)
    try:
        mongodb.replica_set([server], {"shard3": process}, Deadline(START_SECONDS))
        admin = found.documents.client.admin
        admin.command("addShard", f"shard3/{HOST}:{port}", name="shard3")
        admin.command("addShardToZone", "shard3", zone="west")
        yield
    finally:
        stop([process], grace=30)


def reached(found: Shop) -> tuple[str, str]:
    return found.loader.mongo_uri, found.documents.name


@pytest.mark.long
def test_every_strategy_is_spread_as_declared_before_and_after_a_third_shard_joins(
    growing: tuple[Shop, ExitStack],
) -> None:
    found, later = growing
    for strategy in STRATEGIES:
        found.documents[NAME].drop()
        declare(found, strategy)
        require_spread(found, strategy, {"shard1", "shard2"})

    found.documents[NAME].drop()
    declare(found, "zoned")
    found.load()
    allowed = [state(found.documents, NAME)]
    found.sql(TOGGLE)
    found.load()
    allowed.append(state(found.documents, NAME))

    with Loading(found) as loading, Reader(*reached(found), {NAME: allowed}) as reader:
        later.enter_context(third_shard(found))
    assert not loading.faults, loading.faults
    assert len(loading.modes) >= LOADS
    assert set(loading.modes) == {"sync", "full refresh"}
    assert not reader.faults, reader.faults
    assert reader.reads >= LOADS

    for strategy in STRATEGIES:
        found.documents[NAME].drop()
        declare(found, strategy)
        require_spread(found, strategy, {"shard1", "shard2", "shard3"})
