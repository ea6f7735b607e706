"""`pos-loader pause` and `resume`: a replica that stands still during a build, and its lease."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pos_sandbox import mariadb
from pos_sandbox.cluster import Endpoints
from pos_sandbox.process import HOST
from tests.loader.running import Finished, Loader
from tests.loader.shop import live
from tests.loader.shop.servers import Server, replica, server
from tests.loader.shop.writer import Writer, open_shop
from tests.warehouse import Warehouse, new_warehouse

pytestmark = pytest.mark.native
LEASE = "select owner, state, gtid from pos_loader.replica_pause"


@dataclass(frozen=True)
class Pair:
    """A shop, and its replica, on which the marts are."""

    shop: Server
    replica: Server
    loader: Loader

    def run(self, command: str, *options: str, owner: str = "mine", **environment: str) -> Finished:
        """Run `pause` or `resume` as an owner."""
        return self.loader.run(command, *options, POS_PAUSE_OWNER=owner, **environment)

    def write(self) -> None:
        """Write something in the shop, and wait until the replica has received it."""
        self.shop.query("update live_shop.customer set phone = concat(coalesce(phone, ''), '+') where id = 0")
        ((position,),) = self.shop.query("select @@gtid_binlog_pos")
        _wait_for(lambda: position in self.replica.status()["Gtid_IO_Pos"])

    def applied(self) -> str:
        """The replica's position."""
        return str(self.replica.query("select @@gtid_slave_pos")[0][0])


@pytest.fixture(scope="module")
def servers_of_the_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    folder = tmp_path_factory.mktemp("pair")
    with server(folder / "shop", 1) as shop, replica(folder / "replica", shop) as copy:
        yield shop, copy


@pytest.fixture(scope="module")
def warehouse(
    servers_of_the_shop: tuple[Server, Server], tmp_path_factory: pytest.TempPathFactory
) -> Warehouse:
    where = Endpoints(HOST, servers_of_the_shop[1].port, mariadb.USER, mariadb.PASSWORD, "")
    made = new_warehouse(where, tmp_path_factory.mktemp("marts"), "test_pause")
    return replace(
        made, pos_schema=live.SHOP, variables={"pos_mode": "replica", "incremental_from_orders": 0}
    )


@pytest.fixture
def pair(servers_of_the_shop: tuple[Server, Server], warehouse: Warehouse) -> Iterator[Pair]:
    """A replica that runs and is paused by nobody."""
    shop, copy = servers_of_the_shop
    open_shop(shop, live.SHOP)
    found = Pair(shop, copy, Loader(warehouse, "mongodb://127.0.0.1:1", "none"))
    found.write()
    yield found
    copy.query("drop schema if exists pos_loader")
    copy.query("start slave")


def _wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("builds", live.BUILDS)
def test_builds_of_a_paused_replica_are_of_its_position(
    builds: int, pair: Pair, servers: Endpoints, database: str
) -> None:
    tables = open_shop(pair.shop, live.SHOP)
    loader = replace(pair.loader, mongo_uri=servers.mongo_uri, database=database)
    with Writer(pair.shop, live.SHOP, tables) as writer:
        found = live.runs(
            builds, loader, writer, lambda: loader.done("pause", "--json"), lambda: loader.done("resume")
        )
    assert not writer.fault
    assert len(found) == builds
    live.require_open(writer, builds)
    ((position,),) = pair.shop.query("select @@gtid_binlog_pos")
    _wait_for(lambda: position in pair.applied())
    assert pair.replica.status()["Last_SQL_Error"] == ""  # the marts did not disturb it


def test_a_pause_holds_the_position_and_a_resume_catches_up(pair: Pair) -> None:
    paused = pair.run("pause", "--json")
    assert paused.code == 0, paused
    before = pair.applied()
    assert paused.json["moment"]["gtid"] == before
    assert not pair.replica.runs()
    pair.write()
    assert pair.applied() == before
    again = pair.run("pause", "--json").json["moment"]
    assert again == paused.json["moment"]
    assert pair.run("resume").stdout == "resumed\n"
    _wait_for(lambda: pair.applied() != before)
    assert pair.run("resume").stdout == "the replica was not paused\n"
    assert pair.replica.query(LEASE) == []


def test_another_build_cannot_start_or_take_over_a_paused_replica(pair: Pair) -> None:
    assert pair.run("pause").code == 0
    for command in ("pause", "resume"):
        finished = pair.run(command, owner="other")
        assert finished.code == 1
        assert finished.error.startswith("the replica is paused by mine since ")
        assert not pair.replica.runs()
    pair.replica.query(
        "update pos_loader.replica_pause set expires_at = utc_timestamp(6) - interval 1 second"
    )
    taken = pair.run("pause", owner="other")
    assert taken.code == 0
    assert "took over the pause of mine" in taken.stderr
    assert pair.run("resume").code == 1
    assert pair.run("resume", owner="other").code == 0
    assert pair.replica.runs()


@pytest.mark.parametrize("is_running", [True, False])
@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_killed_pause_or_resume_is_repaired(command: str, is_running: bool, pair: Pair) -> None:
    """Each command is cut where the lease and the thread disagree."""
    assert pair.run("pause").code == 0
    pair.replica.query("update pos_loader.replica_pause set state = 'pausing', gtid = ''")
    if is_running:
        pair.replica.query("start slave sql_thread")
        _wait_for(pair.replica.runs)
    assert pair.run(command).code == 0
    assert pair.replica.runs() == (command == "resume")
    expected = [("mine", "paused", pair.applied())] if command == "pause" else []
    assert pair.replica.query(LEASE) == expected


def test_a_thread_that_somebody_else_stopped_stays_stopped(pair: Pair) -> None:
    pair.replica.query("stop slave sql_thread")
    for command in ("pause", "resume"):
        finished = pair.run(command)
        assert finished.code == 1
        assert finished.error.startswith("the SQL thread is stopped, and not by pos-loader pause")
    assert not pair.replica.runs()


@pytest.mark.parametrize(
    ("change", "back", "what"),
    [
        (
            "stop slave; change master to master_use_gtid = current_pos; start slave",
            "stop slave; change master to master_use_gtid = slave_pos; start slave",
            "the replica connects by gtid_current_pos",
        ),
        (
            "set global gtid_domain_id = 1",
            "set global gtid_domain_id = 2",
            "the replica writes the marts to its binary log in the shop's own GTID domain 1",
        ),
    ],
)
def test_a_replica_that_its_own_writes_would_disturb_is_not_paused(
    change: str, back: str, what: str, pair: Pair
) -> None:
    for statement in change.split("; "):
        pair.replica.query(statement)
    finished = pair.run("pause")
    for statement in back.split("; "):
        pair.replica.query(statement)
    assert finished.code == 2
    assert finished.error.startswith(what)
    assert pair.replica.runs()


def test_a_server_that_is_no_replica_is_not_paused(pair: Pair) -> None:
    finished = pair.run("pause", POS_MARIADB_PORT=str(pair.shop.port))
    assert finished.code == 2
    assert finished.error.startswith("the server is no replica")


def test_a_user_without_the_grants_is_told_which(pair: Pair) -> None:
    pair.replica.query("create or replace user bare@'127.0.0.1' identified by 'word'")
    bare = {"POS_MARIADB_USER": "bare", "POS_MARIADB_PASSWORD": "word"}
    finished = pair.run("pause", **bare)
    assert finished.code == 3
    assert "grant replication slave admin, slave monitor on *.*, and all on pos_loader.*" in finished.error
    pair.replica.query("grant replication slave admin, slave monitor on *.* to bare@'127.0.0.1'")
    pair.replica.query("grant all on pos_loader.* to bare@'127.0.0.1'")
    assert pair.run("pause", **bare).code == 0
    assert pair.run("resume", **bare).code == 0


def test_stored_procedures_of_rds_are_called_where_they_are(pair: Pair) -> None:
    with mariadb.connect(port=pair.replica.port) as connection:
        cursor = connection.cursor()
        for name, statement in (("stop", "stop slave"), ("start", "start slave")):
            cursor.execute(
                f"create procedure mysql.rds_{name}_replication() begin {statement}; select 'done'; end"
            )
    try:
        assert pair.run("pause").code == 0
        assert pair.replica.status()["Slave_IO_Running"] == "No"  # RDS stops both threads
        assert pair.run("resume").code == 0
        assert pair.replica.runs()
    finally:
        for name in ("stop", "start"):
            pair.replica.query(f"drop procedure mysql.rds_{name}_replication")


def test_a_build_is_refused_unless_the_replica_is_paused(pair: Pair, warehouse: Warehouse) -> None:
    fix = "run pos-loader pause, dbt build, pos-loader resume"
    assert f"but the replica is not paused; {fix}" in _refused(warehouse)
    assert pair.run("pause").code == 0
    assert _run(warehouse).returncode == 0
    stamp = warehouse.query("select state, moment_mode, moment_gtid from dbt_build_stamp")
    assert stamp == [("finished", "replica", pair.applied())]
    pair.write()
    pair.replica.query("start slave sql_thread")
    _wait_for(pair.replica.runs)
    assert "is paused by mine, but its SQL thread runs" in _refused(warehouse)
    pair.replica.query("stop slave sql_thread")
    assert "the replica was paused at GTID" in _refused(warehouse)
    assert pair.run("pause").code == 0
    pair.replica.query("update pos_loader.replica_pause set expires_at = utc_timestamp(6)")
    assert "the replica is not paused" in _refused(warehouse)


def _run(warehouse: Warehouse) -> Any:
    return warehouse.dbt("run", "--select", "stg_pos__city", check=False)


def _refused(warehouse: Warehouse) -> str:
    finished = _run(warehouse)
    assert finished.returncode, finished.stdout
    return " ".join(finished.stdout.split())


@pytest.mark.long
def test_a_resume_during_a_build_makes_the_gate_refuse_it(pair: Pair, warehouse: Warehouse) -> None:
    first = json.loads(pair.run("pause", "--json").stdout)["moment"]["gtid"]
    process = warehouse.start_dbt("build", *live.NESTED, *live.BUILDABLE)
    _wait_for(lambda: _state(warehouse) == "running")
    pair.write()
    assert pair.run("resume").code == 0
    output, _ = process.communicate(timeout=300)
    assert f"The source moved from {first} to " in " ".join(output.split())
    assert _state(warehouse) == "moved"


def _state(warehouse: Warehouse) -> str:
    there = warehouse.query("show tables like 'dbt_build_stamp'")
    return str(warehouse.query("select state from dbt_build_stamp")[0][0]) if there else ""
