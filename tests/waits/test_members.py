"""A replica set of three members, one of which is killed and stays down: loads and syncs end all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pos_sandbox.cluster import Endpoints
from tests.loader.handmade import NAME, Mart, publishable
from tests.loader.manifests import Manifest
from tests.loader.running import Loader, connect, left_behind
from tests.waits.members import Members, replica_set
from tests.waits.stage import DECLARED
from tests.warehouse import new_warehouse

SECONDS = 60
"""A wait for the member that is down would never end."""
ROWS = 2000
SHOPS = Mart(
    {"shop_id": "bigint", "name": "varchar(80)", "city": "varchar(80)"},
    ("shop_id",),
    query=f"select seq, concat('shop ', seq), concat('city ', seq % 2) from seq_1_to_{ROWS}",
)


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Members]:
    with replica_set(tmp_path_factory.mktemp("members")) as found:
        yield found


@pytest.fixture(scope="module")
def loader(
    members: Members, servers: Endpoints, manifest: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Loader]:
    """A loader of a published collection; then a member is killed, and a note is taken of what there is."""
    warehouse = new_warehouse(servers, tmp_path_factory.mktemp("shops"), "test_members")
    loader = Loader(warehouse, members.uri, "shop", select=())
    publishable(loader, manifest, {"shops": SHOPS}, DECLARED)
    loader.done("load", "--no-gate")
    with connect(members.uri) as client:  # somebody else's index, which a rebuild takes over
        client["shop"][NAME].create_index("city", name="theirs")
    members.kill_a_secondary()
    yield loader
    warehouse.query(f"drop database {warehouse.schema}")


def indexes(loader: Loader) -> set[str]:
    with connect(loader.mongo_uri) as client:
        return {*client["shop"][NAME].index_information()}


def within_a_minute(loader: Loader, *arguments: str) -> Any:
    """Load to the end; a load that waits for the dead member is killed, and the test fails."""
    process = loader.start("load", "--no-gate", "--json", *arguments)
    try:
        stdout, stderr = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, stdout + stderr


def test_a_full_refresh_ends(loader: Loader) -> None:
    within_a_minute(loader, "--full-refresh")
    assert indexes(loader) == {"_id_", "name_1", "theirs"}
    with connect(loader.mongo_uri) as client:
        assert client["shop"][NAME].count_documents({}) == ROWS
        assert left_behind(client["shop"]) == []


def test_a_sync_changes_indexes(loader: Loader, manifest: Manifest) -> None:
    changed = [{"keys": {"name": -1}}, {"keys": {"city": 1, "name": 1}}]
    publishable(loader, manifest, {"shops": SHOPS}, {**DECLARED, "indexes": changed})
    loader.warehouse.query("update shops set name = 'first' where shop_id = 1")
    within_a_minute(loader)
    assert indexes(loader) == {"_id_", "name_-1", "city_1_name_1", "theirs"}


def test_a_refused_index_leaves_the_old_one(loader: Loader, manifest: Manifest) -> None:
    """The old index is dropped first, so it is made again on the filled collection."""
    refused = [{"keys": {"city": 1, "name": 1}}, {"keys": {"city": -1}, "unique": True, "name": "name_-1"}]
    publishable(loader, manifest, {"shops": SHOPS}, {**DECLARED, "indexes": refused})
    process = loader.start("load", "--no-gate", "--quiet")
    try:
        _, stderr = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert process.returncode == 1, stderr
    assert indexes(loader) == {"_id_", "name_-1", "city_1_name_1", "theirs"}


def test_an_index_is_built_without_the_member(members: Members) -> None:
    """MongoDB's own default would wait for it: this is the fault that the loader avoids."""
    with connect(members.uri) as client:
        down = [each["stateStr"] for each in client.admin.command("replSetGetStatus")["members"]]
    assert sum(state not in ("PRIMARY", "SECONDARY") for state in down) == 1
