"""The doctor: healthy servers, faults of each kind, and what earlier runs left over."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pos_loader.publish.builds import BUILDS
from pos_loader.publish.lease import LEASES
from pos_sandbox.cluster import Endpoints
from tests.loader.running import Loader, connect
from tests.warehouse import Warehouse

pytestmark = pytest.mark.native


@pytest.fixture(scope="module")
def loader(sample_warehouse: Warehouse, servers: Endpoints, database: str) -> Loader:
    return Loader(sample_warehouse, servers.mongo_uri, database)


def examine(loader: Loader, *, code: int, **environment: str) -> dict[str, dict[str, Any]]:
    """The checks by what they look at; the code is 1 if one fails."""
    finished = loader.run("doctor", "--json", **environment)
    assert finished.code == code, finished
    found = finished.json
    checks = {check["what"]: check for check in found["checks"]}
    assert len(checks) == len(found["checks"]) == sum(found["counts"].values())
    for check in checks.values():
        assert bool(check["remedy"]) == (check["state"] != "ok"), check
    return checks


def states(checks: dict[str, dict[str, Any]], state: str) -> set[str]:
    return {what for what, check in checks.items() if check["state"] == state}


def test_healthy_servers_have_no_failure(loader: Loader) -> None:
    checks = examine(loader, code=0)
    assert checks["dbt gate"]["found"] == "a load may publish 7 collections"
    assert checks["MariaDB TLS"]["found"] == "none, on this machine"
    assert checks["MongoDB rights"]["found"].endswith("all that a load needs")
    assert "of 1, the slowest 0 s behind; its data has no copy" in checks["MongoDB topology"]["found"]
    assert {"MariaDB clock", "MongoDB clock", "MariaDB paused replica", "MongoDB leases"} <= states(
        checks, "ok"
    )
    assert states(checks, "fail") == set()


def test_a_cluster_is_judged_as_one(loader: Loader, cluster: Endpoints) -> None:
    on_cluster = replace(loader, mongo_uri=cluster.mongo_uri)
    assert examine(on_cluster, code=0)["MongoDB disk"]["found"].endswith(" does not exist yet")
    with connect(cluster.mongo_uri) as client:
        client[loader.database]["any"].insert_one({})
        try:
            checks = examine(on_cluster, code=0)
        finally:
            client.drop_database(loader.database)
    assert checks["MongoDB topology"]["found"] == "2 shards, of one member each: shard1, shard2"
    assert checks["MongoDB balancer"]["found"] == "on"
    assert checks["MongoDB disk"]["found"].endswith("% used on the fullest")


def test_what_is_left_over_is_named(loader: Loader) -> None:
    with connect(loader.mongo_uri) as client:
        database = client[loader.database]
        database[LEASES].insert_one({"_id": "customer_order_history"})
        database[BUILDS].insert_one({"_id": "orders__build_0123456789abcdef"})
        try:
            checks = examine(loader, code=0)
        finally:
            database[LEASES].delete_one({"_id": "customer_order_history"})
            database[BUILDS].delete_one({"_id": "orders__build_0123456789abcdef"})
    assert checks["MongoDB leases"]["found"].endswith(": customer_order_history")
    assert checks["MongoDB builds left over"]["found"].endswith(": orders__build_0123456789abcdef")
    assert {"MongoDB leases", "MongoDB builds left over"} <= states(checks, "warn")


def test_a_server_that_is_down_is_one_line_and_the_rest_goes_on(loader: Loader) -> None:
    checks = examine(loader, code=1, POS_MONGO_URI="mongodb://pos:s3cret@127.0.0.1:9", POS_MONGO_TIMEOUT="1")
    assert "Connection refused" in checks["MongoDB"]["found"]
    assert "s3cret" not in json.dumps(checks)
    assert states(checks, "fail") == {"MongoDB"}
    checks = examine(loader, code=1, POS_MARIADB_PORT="9")
    assert checks["MariaDB"]["found"].startswith("cannot connect: nothing listens there")
    assert "dbt gate" not in checks
    assert checks["MongoDB rights"]["state"] == "ok"


def test_a_project_without_artifacts_and_an_exposed_server_fail(loader: Loader, tmp_path: Path) -> None:
    checks = examine(loader, code=1, POS_TARGET_PATH=str(tmp_path), POS_MARIADB_HOST="0.0.0.0")  # noqa: S104
    assert {"dbt artifacts", "MariaDB TLS"} <= states(checks, "fail")
    assert "POS_ALLOW_PLAIN=1" in checks["MariaDB TLS"]["remedy"]


def test_a_person_gets_a_table(loader: Loader) -> None:
    lines = loader.done("doctor", "--format", "table").stdout.splitlines()
    assert lines[0].split() == ["what", "found", "remedy"]
    assert any(line.startswith("ok ") and "MariaDB version" in line for line in lines)
