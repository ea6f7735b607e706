"""A sharded cluster whose sets have three members each: loads end while one member of each set stays dead."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from pos_sandbox.cluster import Sandbox
from pos_sandbox.mongodb import connect as connect_to
from pos_sandbox.settings import Ports, Shape
from tests.faults.shop import Shop, shop
from tests.loader.handmade import NAME
from tests.loader.manifests import Manifest
from tests.loader.running import left_behind

SETS = "config", "shard1", "shard2"


@pytest.fixture(scope="module")
def replicated(
    tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[], Ports], manifest: Manifest
) -> Iterator[tuple[Shop, Sandbox]]:
    folder = tmp_path_factory.mktemp("replicated")
    sandbox = Sandbox(folder / "sandbox", free_ports(), Shape(members=3))
    try:
        sandbox.up()
        with shop(sandbox.endpoints, manifest, folder / "target", "test_sharded_members") as found:
            yield found, sandbox
    finally:
        sandbox.down(erase=True)


def kill(sandbox: Sandbox, *, state: str) -> list[str]:
    """Kill the first member of each set that is in this state; return the names."""
    killed = []
    for name in SETS:
        for health in sandbox.status():
            if health.name.partition("_")[0] == name and health.detail.startswith(state) and health.pid:
                psutil.Process(health.pid).kill()
                killed.append(health.name)
                break
    return killed


def require_loads(found: Shop) -> None:
    """Load by full refresh, by sync, and by a sync that changes the indexes."""
    assert found.load("--full-refresh")["documents"] == 200
    found.sql("update stores set revenue = revenue + 1")
    assert found.load()["replaced"] == 200
    found.declare(indexes=[{"keys": {"city": 1}}])
    found.sql("update stores set revenue = revenue + 1 where store_id <= 20")
    assert found.load()["replaced"] == 20
    assert "city_1" in found.documents[NAME].index_information()
    found.declare(indexes=[])
    assert found.load()["replaced"] == 0
    assert found.loader.run("verify", "--quiet").code == 0
    assert left_behind(found.documents) == []


@pytest.mark.long
def test_loads_end_while_a_member_of_each_set_stays_dead(replicated: tuple[Shop, Sandbox]) -> None:
    found, sandbox = replicated
    found.load()
    for state in ("secondary", "primary"):
        killed = kill(sandbox, state=state)
        assert len(killed) == len(SETS)
        require_loads(found)
        stopped = [health.name for health in sandbox.status() if health.pid is None]
        assert stopped == killed, "a member that was killed came back"
        sandbox.up()
        _wait_for_primaries(sandbox)


def _wait_for_primaries(sandbox: Sandbox) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        details = [health.detail for health in sandbox.status()]
        if sum(detail.startswith("primary") for detail in details) == len(SETS):
            return
        time.sleep(1)
    with connect_to(sandbox.ports.shard1, timeout=10) as client:
        raise AssertionError(client.admin.command("replSetGetStatus"))
