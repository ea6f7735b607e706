"""Without sharding, a load works, leaves collections unsharded, and says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bson.int64 import Int64
from pymongo.errors import PyMongoError

from pos_sandbox import mongo_tools, mongodb
from pos_sandbox.cluster import Endpoints
from pos_sandbox.process import HOST, Deadline, Server, start, stop, wait_for
from pos_sandbox.settings import Ports, cache_folder
from tests.loader.handmade import NAME, Mart, publishable
from tests.loader.manifests import Manifest
from tests.loader.running import Loader, connect, left_behind
from tests.warehouse import new_warehouse

SHOP = Mart({"shop_id": "bigint", "name": "text"}, ("shop_id",), rows=[(1, "one"), (2, "two"), (3, "three")])
DECLARED: Manifest = {
    "root": "shops",
    "key": "shop_id",
    "shard_key": {"_id": "hashed"},
    "indexes": [{"keys": {"name": 1}}],
    "max_delete_share": 1,
}


@pytest.fixture(params=["replica set", "standalone"])
def address(request: pytest.FixtureRequest, free_ports: Callable[[], Ports], tmp_path: Path) -> Iterator[str]:
    """Start a mongod outside of any cluster and give its address."""
    port, is_set = free_ports().shard1, request.param == "replica set"
    log = tmp_path / "log" / "mongod.log"
    where = (f"--dbpath={tmp_path}", f"--logpath={log}", f"--bind_ip={HOST}", f"--port={port}")
    flags = (*where, "--nounixsocket", *(["--replSet=rs"] * is_set))
    server = Server("mongod", request.param, "mongod", port, log, flags)
    process = start(server, mongo_tools.find(cache_folder(), lambda _: None).mongod)

    def ready() -> bool | None:
        try:
            with mongodb.connect(port, timeout=10) as client:
                hello = client.admin.command("hello")
                if hello.get("isreplicaset"):
                    member = {"_id": 0, "host": f"{HOST}:{port}"}
                    client.admin.command("replSetInitiate", {"_id": "rs", "members": [member]})
                return bool(hello["isWritablePrimary"]) or None
        except PyMongoError:
            return None

    try:
        wait_for(server, process, ready, deadline=Deadline(180))
        yield f"mongodb://{HOST}:{port}"
    finally:
        stop([process], grace=30)


def test_a_load_and_a_sync_without_shards(
    address: str, servers: Endpoints, manifest: Manifest, mariadb_schema: str, tmp_path: Path
) -> None:
    warehouse = new_warehouse(servers, tmp_path / "artifacts", mariadb_schema)
    loader = Loader(warehouse, address, "shop", select=())
    publishable(loader, manifest, {"shops": SHOP}, DECLARED)
    first = loader.done("load", "--no-gate")
    assert re.search("^pos-loader: .*no sharded cluster", first.stderr, re.MULTILINE)

    warehouse.query("update shops set name = 'uno' where shop_id = 1")
    warehouse.query("delete from shops where shop_id = 2")
    warehouse.query("insert into shops values (4, 'four')")
    second = loader.done("load", "--no-gate", "--json").json
    assert second["is_cluster"] is False
    assert [each["documents"] for each in second["collections"]] == [3]
    assert loader.run("verify").code == 0
    with connect(address) as client:
        assert list(client["shop"][NAME].find(sort=[("_id", 1)])) == [
            {"_id": Int64(key), "name": name} for key, name in ((1, "uno"), (3, "three"), (4, "four"))
        ]
        assert list(client["shop"][NAME].index_information()) == ["_id_", "name_1"]
        assert left_behind(client["shop"]) == []
