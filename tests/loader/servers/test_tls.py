"""TLS to MariaDB and to MongoDB: who answers is checked by every driver, or the loader does not connect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import connectorx
import pytest

from pos_loader.errors import ConnectionFailed, SpecError
from pos_loader.servers import mariadb, mongo_client
from pos_loader.servers.profile import MariaDB, read_profile
from pos_sandbox.cluster import Endpoints
from tests.faults.shop import Shop, shop
from tests.loader.manifests import Manifest
from tests.loader.running import Finished
from tests.tls import MAKER, PASSWORD, USER, TlsServer, tls_server

pytestmark = pytest.mark.native


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    with tls_server(tmp_path_factory.mktemp("tls")) as made:
        yield made


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    with tls_server(tmp_path_factory.mktemp("expired"), days=-1) as made:
        yield made


@pytest.fixture(scope="module")
def encrypted(
    server: TlsServer, servers: Endpoints, manifest: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A shop whose marts are on the server that requires TLS."""
    behind = replace(servers, mariadb_port=server.port, mariadb_user=MAKER, mariadb_password=PASSWORD)
    with shop(behind, manifest, tmp_path_factory.mktemp("shop"), "test_tls") as found:
        yield found


def profile(folder: Path, *, allow_plain: bool = False, **keys: Any) -> MariaDB:
    """Read a profile of a target with these keys."""
    write(folder, **keys)
    return read_profile(folder, profiles_dir=folder, allow_plain=allow_plain)


def write(folder: Path, **keys: Any) -> None:
    folder.mkdir(exist_ok=True)
    target = {"type": "mariadb_marts", "schema": "marts", "username": USER, "password": PASSWORD, **keys}
    (folder / "dbt_project.yml").write_text("profile: pos")
    (folder / "profiles.yml").write_text(json.dumps({"pos": {"target": "dev", "outputs": {"dev": target}}}))


def run(found: Shop, command: str, reached: TlsServer, **keys: Any) -> Finished:
    """Run a command with a profile that leads to a server by TLS."""
    folder = found.loader.warehouse.target_path / "tls"
    schema = found.loader.warehouse.schema
    write(folder, **{"server": "127.0.0.1", "port": reached.port, "schema": schema, **keys})
    return found.loader.run(*command.split(), POS_PROFILES_DIR=str(folder))


def test_every_driver_reads_through_tls_that_is_checked(encrypted: Shop, server: TlsServer) -> None:
    loaded = run(encrypted, "load --no-gate --quiet --full-refresh", server, ssl_ca=server.ca)
    assert loaded.code == 0, loaded
    assert encrypted.documents["handmade"].count_documents({}) == 200
    assert run(encrypted, "verify --quiet", server, ssl_ca=server.ca).code == 0
    found = profile(
        Path(encrypted.loader.warehouse.target_path),
        server="127.0.0.1",
        port=server.port,
        schema="mysql",
        ssl_ca=server.ca,
    )
    cipher = "show session status like 'Ssl_cipher'"
    (row,) = connectorx.read_sql(found.url, cipher, return_type="arrow", protocol="text").to_pylist()
    assert row["Value"]
    with mariadb.connect(found) as queries:
        assert queries.rows(cipher)[0][1]


@pytest.mark.parametrize("command", ["load --no-gate --quiet", "verify --quiet", "report"])
@pytest.mark.parametrize("fault", ["another authority", "another name", "expired", "no TLS at all"])
def test_a_server_that_cannot_prove_itself_ends_in_exit_3_and_one_line(
    fault: str, command: str, encrypted: Shop, server: TlsServer, expired: TlsServer, servers: Endpoints
) -> None:
    plain = TlsServer(server.folder, servers.mariadb_port)
    reached, keys = {
        "another authority": (server, {"ssl_ca": server.other_ca}),
        "another name": (server, {"ssl_ca": server.ca, "server": "127.0.0.2"}),
        "expired": (expired, {"ssl_ca": expired.ca}),
        "no TLS at all": (
            plain,
            {"ssl_ca": server.ca, "username": servers.mariadb_user, "password": servers.mariadb_password},
        ),
    }[fault]
    finished = run(encrypted, command, reached, **keys)
    assert finished.code == 3, finished
    assert "TLS" in finished.error
    assert PASSWORD not in finished.stdout + finished.stderr


@pytest.mark.long  # connectorx tries for 30 s
def test_bulk_reads_check_for_themselves(server: TlsServer, expired: TlsServer, servers: Endpoints) -> None:
    """The small queries stop a run first; were they not there, the bulk reads would refuse as well."""
    right = MariaDB("127.0.0.1", server.port, USER, PASSWORD, "mysql", ssl_ca=server.ca)
    plain = MariaDB(
        *("127.0.0.1", servers.mariadb_port, servers.mariadb_user, servers.mariadb_password, "mysql")
    )
    for found in (
        replace(right, ssl_ca=server.other_ca),
        replace(right, host="127.0.0.2"),
        replace(right, port=expired.port, ssl_ca=expired.ca),
        replace(plain, ssl_ca=server.ca),
    ):
        with pytest.raises(RuntimeError, match=r"(?i)tls|secure connection"):
            connectorx.read_sql(found.url, "select 1", return_type="arrow", protocol="text")
    named = replace(right, host="127.0.0.2", verify_identity=False)
    assert connectorx.read_sql(named.url, "select 1", return_type="arrow", protocol="text").num_rows == 1


def test_a_server_elsewhere_needs_an_authority_or_the_users_word(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        profile(tmp_path, server="db.example")
    assert str(caught.value).startswith(
        "MariaDB at db.example:3306: it is on another machine, and the profile has no ssl_ca"
    )
    assert "or set POS_ALLOW_PLAIN=1" in str(caught.value)
    allowed = profile(tmp_path, server="db.example", allow_plain=True)
    assert allowed.exposed
    assert "ssl-mode=PREFERRED" in allowed.url
    with pytest.raises(SpecError, match="another machine"):
        profile(tmp_path, hosts=["127.0.0.1", "db.example"])
    for host in ("127.0.0.1", "localhost", "::1"):
        assert not profile(tmp_path, server=host).exposed


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"ssl_cert": "c.pem", "ssl_key": "c.key"}, "the loader's bulk reads cannot show a certificate"),
        ({"ssl_mode": "REQUIRED"}, "the loader knows ssl_ca, ssl_verify_identity and ssl_disabled only"),
        ({"ssl_ca": "missing.pem"}, "ssl_ca missing.pem cannot be used: No such file or directory"),
        ({"ssl_ca": __file__}, "it is not a PEM file of certificates"),
        ({"ssl_ca": "ca.pem", "ssl_disabled": True}, "ssl_disabled contradicts ssl_ca"),
        ({"ssl_verify_identity": True}, "ssl_verify_identity needs ssl_ca"),
    ],
)
def test_a_key_that_a_driver_cannot_honour_is_an_error(
    keys: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError) as caught:
        profile(tmp_path, **keys)
    assert said in str(caught.value)


def test_an_unreachable_server_is_no_tls_fault(tmp_path: Path, server: TlsServer) -> None:
    with (
        pytest.raises(ConnectionFailed) as caught,
        mariadb.connect(profile(tmp_path, port=1, ssl_ca=server.ca)),
    ):
        pass
    assert "TLS" not in str(caught.value)


OWN = "mongodb://pos:s3cret@db.example/?tls=true&"


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (
            "mongodb://pos:s3cret@127.0.0.1,db.example:27018/pos",
            "it is on another machine, and the address has",
        ),
        (OWN + "tlsInsecure=true", "tlsinsecure accepts any server"),
        (OWN + "tlsAllowInvalidHostnames=true", "tlsallowinvalidhostnames accepts any server"),
        ("mongodb+srv://pos:s3cret@db.example/?tls=false", "it is on another machine"),
        (OWN + "w=1", "asks for w=1, and the loader needs w=majority"),
        (OWN + "readConcernLevel=local", "asks for readconcernlevel=local"),
        (OWN + "journal=false", "asks for journal=false"),
    ],
)
def test_an_address_that_is_exposed_or_asks_for_less_is_refused(uri: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        mongo_client.connect(uri, timeout=1)
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_an_exposed_server_that_the_user_allows_is_in_the_results(encrypted: Shop, server: TlsServer) -> None:
    host = "0.0.0.0"  # noqa: S104 - this machine, by an address that is no loopback address
    refused = run(encrypted, "load --no-gate --quiet", server, server=host)
    assert refused.code == 2, refused
    assert "POS_ALLOW_PLAIN=1" in refused.error
    folder = encrypted.loader.warehouse.target_path / "tls"
    loaded = encrypted.loader.done("load", "--no-gate", POS_PROFILES_DIR=str(folder), POS_ALLOW_PLAIN="1")
    (warning,) = encrypted.loader_results()["run_warnings"]
    assert warning.startswith(f"MariaDB at {host}:{server.port}: it is on another machine")
    assert f"WARNING: {warning}" in loaded.stderr
