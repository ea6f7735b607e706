"""Without sharding, a load works, leaves collections unsharded, and says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bson.int64 import Int64

from pos_sandbox.cluster import Endpoints
from pos_sandbox.settings import Ports
from tests.loader.handmade import NAME, Mart, publishable
from tests.loader.manifests import Manifest
from tests.loader.mongo_helpers import own_server
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
    with own_server(tmp_path, free_ports().shard1, replica_set=request.param == "replica set") as uri:
        yield uri


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
