"""The running sandbox: what `up` promises about its servers."""

import json
import re
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from pos_sandbox import mariadb, mongodb
from pos_sandbox.cli import app
from pos_sandbox.cluster import Endpoints, Sandbox
from pos_sandbox.errors import UsageError
from pos_sandbox.settings import Ports


def test_all_five_servers_run(session_sandbox: Sandbox) -> None:
    health = session_sandbox.status()
    assert [(row.name, row.state) for row in health] == [
        (name, "running") for name in ("mariadb", "config", "shard1", "shard2", "mongos")
    ]
    assert len({row.pid for row in health}) == 5
    assert all(row.version for row in health)


def test_up_again_changes_no_process(session_sandbox: Sandbox) -> None:
    before = session_sandbox.status()
    assert session_sandbox.up() == before


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("character_set_server", "utf8mb4"),
        ("collation_server", "utf8mb4_unicode_ci"),
        ("time_zone", "+00:00"),
        ("local_infile", 1),
        ("skip_name_resolve", 1),
        ("innodb_buffer_pool_size", 512 * 1024 * 1024),
    ],
)
def test_mariadb_settings(servers: Endpoints, variable: str, expected: object) -> None:
    assert _row(servers, f"SELECT @@global.{variable}") == (expected,)


def test_mariadb_is_strict(servers: Endpoints) -> None:
    assert "STRICT_ALL_TABLES" in _row(servers, "SELECT @@session.sql_mode")[0]


@pytest.mark.parametrize("schema", ["pos", "analytics"])
def test_the_schemas_are_there_in_utf8mb4(servers: Endpoints, schema: str) -> None:
    collation = "SELECT default_collation_name FROM information_schema.schemata"
    assert _row(servers, f"{collation} WHERE schema_name = '{schema}'") == ("utf8mb4_unicode_ci",)


def _row(servers: Endpoints, statement: str) -> tuple[Any, ...]:
    with mariadb.connect(
        host=servers.mariadb_host,
        port=servers.mariadb_port,
        user=servers.mariadb_user,
        password=servers.mariadb_password,
    ) as connection:
        cursor = connection.cursor()
        cursor.execute(statement)
        return tuple(cursor.fetchone())


def test_a_hashed_collection_is_spread_over_both_shards(
    session_sandbox: Sandbox, mongo_database: str
) -> None:
    with mongodb.connect(session_sandbox.ports.mongos, timeout=60) as client:
        client.admin.command("shardCollection", f"{mongo_database}.spread", key={"_id": "hashed"})
        client[mongo_database].spread.insert_many([{"_id": number} for number in range(200)])
        stats = client[mongo_database].spread.aggregate([{"$collStats": {"count": {}}}])
        counts = {row["shard"]: row["count"] for row in stats}
    assert set(counts) == {"shard1", "shard2"}
    assert sum(counts.values()) == 200
    assert min(counts.values()) > 50


def test_the_servers_listen_on_loopback_only(session_sandbox: Sandbox) -> None:
    for row in session_sandbox.status():
        listening = [
            c for c in psutil.Process(row.pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN
        ]
        assert {(c.laddr.ip, c.laddr.port) for c in listening} == {("127.0.0.1", row.port)}


def test_status_prints_json(session_sandbox: Sandbox) -> None:
    done = CliRunner().invoke(app, ["status", "--json", "--dir", str(session_sandbox.root)])
    printed = json.loads(done.stdout)
    assert done.exit_code == 0
    assert [row["port"] for row in printed["servers"]] == [row.port for row in session_sandbox.status()]
    assert printed["endpoints"]["mongo_uri"] == f"mongodb://127.0.0.1:{session_sandbox.ports.mongos}"


def test_status_prints_one_line_for_each_server(session_sandbox: Sandbox) -> None:
    done = CliRunner().invoke(app, ["status", "--dir", str(session_sandbox.root)])
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert lines[0] == ["server", "role", "version", "port", "pid", "state"]
    assert [line[0] for line in lines[1:]] == ["mariadb", "config", "shard1", "shard2", "mongos"]


def test_status_prints_aligned_columns_when_a_table_is_asked_for(session_sandbox: Sandbox) -> None:
    options = ("--dir", str(session_sandbox.root))
    table = CliRunner().invoke(app, ["status", "--format", "table", *options]).stdout
    tsv = CliRunner().invoke(app, ["status", "--format", "tsv", *options]).stdout
    assert [re.split("  +", line) for line in table.splitlines()] == [
        line.split("\t") for line in tsv.splitlines()
    ]
    assert max(map(len, table.splitlines())) <= 80


@pytest.mark.parametrize("command", ["up", "status"])
def test_two_formats_at_once_are_refused(command: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [command, "--json", "--format", "table", "--dir", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert done.stderr.startswith("pos-sandbox: error: --json and --format table contradict each other ")


def test_up_says_how_other_ports_are_found(session_sandbox: Sandbox) -> None:
    done = CliRunner().invoke(app, ["up", "--dir", str(session_sandbox.root)])
    ports = session_sandbox.ports
    export = f"export POS_MARIADB_PORT={ports.mariadb} POS_MONGO_URI=mongodb://127.0.0.1:{ports.mongos}\n"
    assert done.stderr.endswith(export)


def test_other_ports_for_an_existing_sandbox_are_refused(session_sandbox: Sandbox) -> None:
    done = CliRunner().invoke(app, ["up", "--mongos-port", "1234", "--dir", str(session_sandbox.root)])
    assert done.exit_code == 2
    assert done.stderr.startswith("pos-sandbox: error: port 1234 for mongos differs")
    with pytest.raises(UsageError, match="differ"):
        Sandbox(session_sandbox.root, Ports(mariadb=1234)).up()
