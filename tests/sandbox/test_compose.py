"""docker-compose.yml describes the servers the sandbox starts: same roles, ports, sets, flags and user."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from pos_sandbox import mariadb, mongodb, versions
from pos_sandbox.cluster import MONGODB_PORTS, Sandbox
from pos_sandbox.settings import Ports

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
DOCUMENT: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
PORTS = {name: port for name, port in asdict(Ports()).items() if name != "more"}
LARGER = mongodb.servers(
    Path("root"),
    **{name: port for name, port in PORTS.items() if name != "mariadb"},
    members=3,
    more=Ports().further[:MONGODB_PORTS],
)
"""The servers of `pos-sandbox up --members 3`, which are the profile `members`."""
FURTHER = {server.name: server.port for server in LARGER if server.name not in PORTS}
OWN_FOLDERS = (
    "--logpath=",
    "--logappend",
    "--quiet",
    "--bind_ip=",
    "--nounixsocket",
    "--dbpath=",
    "--configdb=",
)
OWN_EXTRAS = ("--setParameter=diagnosticDataCollectionEnabled=false",)


def test_the_services_are_the_servers_and_one_initialisation() -> None:
    assert set(SERVICES) == {*PORTS, *FURTHER, "mongo-init", "mongo-members"}
    of_profile = {name for name, service in SERVICES.items() if service.get("profiles") == ["members"]}
    assert of_profile == {*FURTHER, "mongo-members"}


@pytest.mark.parametrize("name", [*PORTS, *FURTHER])
def test_each_port_is_the_default_and_on_loopback_only(name: str) -> None:
    outside = {**PORTS, **FURTHER}[name]
    inside = 3306 if name == "mariadb" else outside
    assert SERVICES[name]["ports"] == [f"127.0.0.1:{outside}:{inside}"]
    assert "network_mode" not in SERVICES[name]


def test_the_versions_are_those_the_sandbox_runs(session_sandbox: Sandbox) -> None:
    for row in session_sandbox.status():
        image = "mariadb" if row.name == "mariadb" else "mongo"
        assert row.version is not None
        series = versions.MARIADB if row.name == "mariadb" else versions.MONGODB.rpartition(".")[0]
        assert row.version.startswith(f"{series}.")
        version = ".".join(row.version.split(".")[:2])
        chosen = f"${{POS_{image.upper()}_VERSION:-{version}}}"
        assert SERVICES[row.name]["image"] == f"{image}:{chosen}"
    assert {SERVICES[name]["image"] for name in (*FURTHER, "mongo-init", "mongo-members")} == {
        SERVICES["mongos"]["image"]
    }


@pytest.mark.parametrize("document", ["README.md", "docs/servers.md"])
def test_the_documents_name_the_versions(document: str) -> None:
    text = (COMPOSE.parent / document).read_text(encoding="utf-8")
    assert {versions.MARIADB, versions.MONGODB} <= set(re.findall(r"\d+\.\d+(?:\.\d+)?", text))


def test_mariadb_has_the_flags_the_user_and_the_schemas() -> None:
    service = SERVICES["mariadb"]
    assert service["command"] == ["mariadbd", *mariadb.TUNING]
    assert service["environment"]["MARIADB_USER"] == mariadb.USER
    assert service["environment"]["MARIADB_PASSWORD"] == mariadb.PASSWORD
    assert service["environment"]["MARIADB_DATABASE"] == mariadb.SOURCE_SCHEMA
    statements = DOCUMENT["configs"]["mariadb-init"]["content"]
    assert f"CREATE DATABASE IF NOT EXISTS {mariadb.TARGET_SCHEMA};" in statements
    assert f"GRANT ALL PRIVILEGES ON *.* TO '{mariadb.USER}'@'%' WITH GRANT OPTION;" in statements


@pytest.mark.parametrize("server", LARGER, ids=lambda server: server.name)
def test_each_mongodb_server_has_the_sandbox_flags(server: Any) -> None:
    command = SERVICES[server.name]["command"]
    assert command[0] == server.program
    shared = {flag for flag in server.flags if not flag.startswith(OWN_FOLDERS) and flag not in OWN_EXTRAS}
    assert shared < set(command)
    own = set(command[1:]) - shared
    hosts = [f"config:{PORTS['config']}"]
    if server.name in FURTHER:
        hosts += [f"{name}:{FURTHER[name]}" for name in ("config_2", "config_3")]
    expected = {"--bind_ip_all", f"--configdb={mongodb.CONFIG_SET}/{','.join(hosts)}"}
    assert own == (expected if server.program == "mongos" else {"--bind_ip_all", "--dbpath=/data/db"})


@pytest.mark.parametrize("name", [*PORTS, *FURTHER])
def test_each_server_has_a_health_check_of_its_own_port(name: str) -> None:
    check = SERVICES[name]["healthcheck"]["test"]
    assert check[0] == "CMD"
    if name != "mariadb":
        assert check[check.index("--port") + 1] == str({**PORTS, **FURTHER}[name])


def test_the_members_are_added_by_a_script_that_waits_for_each() -> None:
    script = DOCUMENT["configs"]["mongo-members"]["content"]
    for name in (mongodb.CONFIG_SET, *mongodb.SHARDS):
        ports = ", ".join(str(server.port) for server in LARGER if server.group == name)
        assert f'["{name}", [{ports}]]' in script
    waits = SERVICES["mongo-members"]["depends_on"]
    members = {name for name in FURTHER if name != "mongos_2"}
    assert {name for name in waits if waits[name] == {"condition": "service_healthy"}} == members
    assert "$" not in script


def test_the_initialisation_names_every_set_and_waits_for_its_server() -> None:
    script = DOCUMENT["configs"]["mongo-init"]["content"]
    for name in (mongodb.CONFIG_SET, *mongodb.SHARDS):
        assert f'["{name}", {PORTS[name]}]' in script
        assert SERVICES["mongo-init"]["depends_on"][name] == {"condition": "service_healthy"}
    assert f'"mongos:{PORTS["mongos"]}"' in script
    # mongos answers only when the config server is initiated: to wait for its health would be a deadlock
    assert SERVICES["mongo-init"]["depends_on"]["mongos"] == {"condition": "service_started"}
    assert "mongo-init" not in SERVICES["mongos"]["depends_on"]
    assert "$" not in script  # Compose would substitute it


def test_data_is_kept_in_named_volumes() -> None:
    kept = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert sorted(kept) == sorted(DOCUMENT["volumes"]) == sorted({*PORTS, *FURTHER} - {"mongos", "mongos_2"})
