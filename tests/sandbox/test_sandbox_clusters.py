"""Larger sandboxes: a Galera cluster, and replica sets of three members, which an emulator makes slow."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from pos_sandbox import galera, mariadb, mongo_tools, mongodb
from pos_sandbox.cli import app
from pos_sandbox.cluster import Sandbox
from pos_sandbox.errors import UsageError
from pos_sandbox.process import Deadline, Server, running, start, stop
from pos_sandbox.settings import Ports, cache_folder
from tests import session
from tests.galera.cluster import Cluster, cluster

COUNT = "select count(*) from pos.kept"


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    with cluster() as made:
        made.execute(0, "create table pos.kept (id int primary key)")
        yield made


def states(made: Cluster) -> list[str]:
    """What each node says of itself."""
    return [str(galera.state(node.port)) for node in made.nodes]


@pytest.mark.long
@pytest.mark.parametrize("killed", [(2,), (0, 1), (0, 1, 2)], ids=["one", "most", "all"])
def test_a_cluster_that_was_killed_is_completed_and_keeps_what_it_confirmed(
    nodes: Cluster, killed: tuple[int, ...]
) -> None:
    ((before,),) = nodes.execute(2, "set session wsrep_sync_wait = 7", COUNT)
    for number in range(3):
        nodes.execute(number, f"insert into pos.kept values ({int(str(before)) + number})")
    nodes.kill(*killed)
    nodes.up()
    assert states(nodes) == ["Synced, 3 nodes, 0 waiting"] * 3
    for number in range(3):
        found = nodes.execute(number, "set session wsrep_sync_wait = 7", COUNT)
        assert found == [(int(str(before)) + 3,)]


@pytest.mark.long
def test_every_node_flushes_each_commit_and_runs_without_root(nodes: Cluster) -> None:
    for number, node in enumerate(nodes.nodes):
        assert nodes.execute(number, "select @@innodb_flush_log_at_trx_commit, @@server_id") == [
            (1, number + 1)
        ]
        assert running([node])[node.name].username() != "root"


def test_a_folder_that_the_nodes_user_cannot_reach_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    closed = tmp_path / "closed"
    (closed / "sandbox").mkdir(parents=True)
    closed.chmod(0o700)
    with pytest.raises(UsageError, match=rf"does not reach the folder \({closed}\); chmod o\+x"):
        galera._require_reachable(closed / "sandbox")


def test_a_missing_library_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pos_sandbox.galera.PROVIDERS", (tmp_path / "libgalera_smm.so",))
    done = CliRunner().invoke(app, ["up", "--galera", "--dir", str(tmp_path / "new")])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "libgalera_smm.so is missing" in done.stderr
    assert done.stderr.endswith("apt-get install galera-4\n")


def test_a_number_of_members_that_is_neither_one_nor_three_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["up", "--members", "2", "--dir", str(tmp_path / "new")])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "2 members (--members); give 1 or 3" in done.stderr


def test_a_set_of_one_grows_to_three_and_is_completed_after_a_kill(
    tmp_path: Path, free_ports: Callable[[], Ports]
) -> None:
    """A shard alone, on native servers: the sandbox's own run in an emulator."""
    program, ports = mongo_tools.find_native(cache_folder(), print), free_ports()
    of_shard: list[Server] = []
    try:
        for members in (1, 3, 3):
            described = mongodb.servers(
                tmp_path,
                mongos=ports.mongos,
                config=ports.config,
                shard1=ports.shard1,
                shard2=ports.shard2,
                members=members,
                more=ports.further,
            )
            of_shard = [server for server in described if server.group == "shard1"]
            processes = running(of_shard)
            for server in of_shard:
                if server.name not in processes:
                    (tmp_path / server.name).mkdir(exist_ok=True)
                    processes[server.name] = start(server, program)
            mongodb.replica_set(of_shard, processes, Deadline(180))
            if members == 3:
                details = sorted(map(mongodb.detail, of_shard))
                assert details[0] == "primary of 3"
                assert all(re.fullmatch(r"secondary, \d+ s behind", detail) for detail in details[1:])
                processes["shard1"].kill()
                processes["shard1"].wait(30)
    finally:
        stop(running(of_shard).values(), grace=30)


def command(root: Path, *arguments: str) -> Any:
    """Run `up` or `status` in a process of its own and return what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "pos_sandbox", *arguments, "--json", f"--dir={root}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_a_sandbox_of_single_members_grows_and_keeps_its_data(free_ports: Callable[[], Ports]) -> None:
    """It becomes three members to a set and a Galera cluster at once. Then a member of each set is killed."""
    root = session.folder() / session.own("cluster")
    ports = free_ports()
    options = [f"--{name}-port={port}" for name, port in vars(ports).items()]
    try:
        command(root, "up", *options)
        with mongodb.connect(ports.mongos, timeout=120) as client:
            client.admin.command("shardCollection", "kept.things", key={"_id": "hashed"})
            client.kept.things.insert_many([{"_id": number} for number in range(100)])
        with mariadb.connect(port=ports.mariadb) as connection:
            connection.cursor().execute("create table pos.kept (id int primary key) as select 7 as id")

        command(root, "up", "--members=3", "--galera")
        printed = {row["name"]: row for row in command(root, "status")["servers"]}
        assert len(printed) == 3 + 9 + 2
        details = {name: row["detail"] for name, row in printed.items()}
        assert {details[name] for name in galera.NODES} == {"Synced, 3 nodes, 0 waiting"}
        for name in ("config", "shard1", "shard2"):
            of_set = sorted(details[each] for each in (name, f"{name}_2", f"{name}_3"))
            assert of_set[0] == "primary of 3"
            assert all(detail.startswith("secondary, ") for detail in of_set[1:])
        for name in ("mongos", "mongos_2"):
            assert details[name].endswith("; balancer on")
            assert "on shard1" in details[name]

        for name in ("shard1_2", "shard2_3", "config_3", "mongos", "mariadb_3"):
            psutil.Process(printed[name]["pid"]).kill()
        with mongodb.connect(printed["mongos_2"]["port"], timeout=120) as client:
            assert client.kept.things.count_documents({}) == 100
        command(root, "up")
        with mongodb.connect(ports.mongos, timeout=120) as client:
            assert client.kept.things.count_documents({}) == 100
        with mariadb.connect(port=printed["mariadb_3"]["port"]) as connection:
            cursor = connection.cursor()
            cursor.execute("select id from pos.kept")
            assert cursor.fetchall() == [(7,)]
        shrinking = CliRunner().invoke(app, ["up", "--members", "1", "--dir", str(root)])
        assert (shrinking.exit_code, shrinking.stderr.count("\n")) == (2, 1)
        assert "1 member asked for, and each set of this sandbox has 3" in shrinking.stderr
    finally:
        Sandbox(root).down(erase=True)
    assert not root.exists()
