"""Starting, killing, repairing and stopping, on a cluster of its own and through the real command."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pos_sandbox import mariadb, mongodb
from pos_sandbox.cluster import Sandbox
from pos_sandbox.settings import Ports

KILLED = ("mariadb", "shard1", "mongos")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "pos_sandbox", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def up(root: Path, ports: Ports) -> subprocess.CompletedProcess[str]:
    """Run `up --json` with those ports."""
    options = [f"--{name}-port={port}" for name, port in vars(ports).items()]
    return run("up", "--json", f"--dir={root}", *options)


def pids(output: str) -> dict[str, int]:
    """Map server names to pids in what `up --json` or `status --json` printed."""
    return {row["name"]: row["pid"] for row in json.loads(output)["servers"]}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[], Ports]) -> Iterator[Sandbox]:
    """Take a second cluster up by the command, whose process is gone when the tests begin."""
    sandbox = Sandbox(tmp_path_factory.mktemp("repair") / "a folder", free_ports())
    try:
        done = up(sandbox.root, sandbox.ports)
        assert done.returncode == 0, done.stderr
        yield sandbox
    finally:
        sandbox.down(erase=True)


def test_killed_servers_are_restarted_and_keep_their_data(own: Sandbox) -> None:
    before = {row.name: row.pid for row in own.status()}
    with mongodb.connect(own.ports.mongos, timeout=60) as client:
        client.admin.command("enableSharding", "kept", primaryShard="shard1")
        client.kept.things.insert_many([{"_id": number} for number in range(50)])
    with mariadb.connect(port=own.ports.mariadb) as connection:
        connection.cursor().execute("CREATE TABLE pos.kept AS SELECT 7 AS seven")

    for name in KILLED:
        pid = before[name]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=30)
    status = run("status", "--json", f"--dir={own.root}")
    assert status.returncode == 1
    states = {row["name"]: row["state"] for row in json.loads(status.stdout)["servers"]}
    assert {name for name, state in states.items() if state == "stopped"} == set(KILLED)

    repaired = up(own.root, own.ports)
    assert repaired.returncode == 0, repaired.stderr
    after = pids(repaired.stdout)
    assert {name for name in after if after[name] != before[name]} == set(KILLED)
    with mongodb.connect(own.ports.mongos, timeout=60) as client:
        assert client.kept.things.count_documents({}) == 50
    assert _seven(own) == 7


def test_down_stops_its_own_servers_and_spares_whatever_looks_like_them(own: Sandbox) -> None:
    assert up(own.root, own.ports).returncode == 0
    log = own.root / "log" / "mongos.log"
    bystander: subprocess.Popen[Any] = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; print(flush=True); sys.stdin.read()",
            "mongos",
            f"--logpath={log}x",
            str(log),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with bystander:
        try:
            assert bystander.stdout is not None
            bystander.stdout.readline()
            # a pid file another program left, or a reused pid
            (own.root / "mariadb.pid").unlink()
            for name in ("mongos", "mariadb"):
                (own.root / f"{name}.pid").write_text(f"{bystander.pid}\n")
            done = run("down", f"--dir={own.root}")
            assert done.returncode == 0, done.stderr
            assert bystander.poll() is None
        finally:
            bystander.kill()
            (own.root / "mongos.pid").unlink(missing_ok=True)
    assert "stopped mariadb, config, shard1, shard2, mongos" in done.stderr
    assert [row.state for row in own.status()] == ["stopped"] * 5
    assert run("down", f"--dir={own.root}").stderr == "pos-sandbox: nothing was running\n"


def test_a_port_of_a_foreign_process_is_refused_before_anything_starts(own: Sandbox) -> None:
    own.down()
    with socket.socket() as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        foreign.bind(("127.0.0.1", own.ports.shard2))
        foreign.listen()
        done = up(own.root, own.ports)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"port {own.ports.shard2} is taken" in done.stderr
    assert f"pid {os.getpid()}" in done.stderr
    assert "--shard2-port or POS_SANDBOX_SHARD2_PORT" in done.stderr
    assert [row.state for row in own.status()] == ["stopped"] * 5


def test_a_server_that_cannot_start_is_named_with_its_log(own: Sandbox) -> None:
    own.down()
    system = own.root / "mariadb" / "ibdata1"
    system.rename(system.with_suffix(".away"))
    system.mkdir()
    try:
        done = up(own.root, own.ports)
    finally:
        system.rmdir()
        system.with_suffix(".away").rename(system)
    assert done.returncode == 3
    assert done.stderr.startswith("pos-sandbox: error: mariadb ended while starting: ")
    assert str(own.root / "log" / "mariadb.log") in done.stderr


def test_erase_removes_the_data_and_keeps_what_is_not_ours(own: Sandbox) -> None:
    mine = own.root / "notes.txt"
    mine.write_text("mine")
    assert run("down", "--erase", f"--dir={own.root}").returncode == 0
    assert list(own.root.iterdir()) == [mine]


def _seven(own: Sandbox) -> int:
    with mariadb.connect(port=own.ports.mariadb) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT seven FROM pos.kept")
        return int(cursor.fetchone()[0])
