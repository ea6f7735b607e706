"""The connection for small queries to MariaDB."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pos_loader.errors import ConnectionFailed
from pos_loader.servers import mariadb, mariadb_errors
from pos_loader.servers.profile import MariaDB, read_profile
from pos_sandbox.cluster import Endpoints
from tests.loader.mongo_helpers import AnswerLosingProxy


def through(proxy: AnswerLosingProxy, servers: Endpoints) -> MariaDB:
    return MariaDB("127.0.0.1", proxy.port, servers.mariadb_user, servers.mariadb_password, "mysql")


def losing(servers: Endpoints, times: int) -> AnswerLosingProxy:
    """A server that ends a handshake after the client's part, which contains the user's name."""
    user = servers.mariadb_user.encode() + b"\0"
    return AnswerLosingProxy(servers.mariadb_host, servers.mariadb_port, marker=user, lose=times)


def test_a_handshake_cut_off_is_begun_again(servers: Endpoints) -> None:
    with losing(servers, times=3) as proxy, mariadb.connect(through(proxy, servers)) as queries:
        assert queries.rows("select 1") == [(1,)]
    assert proxy.left == 0


def test_handshakes_that_are_always_cut_off_are_an_error(servers: Endpoints) -> None:
    with losing(servers, times=100) as proxy:
        server = through(proxy, servers)
        with (
            pytest.raises(
                ConnectionFailed, match=rf"^the connection was cut off \(MariaDB at 127.0.0.1:{proxy.port}\)"
            ),
            mariadb.connect(server),
        ):
            pass
    assert proxy.left == 96


@pytest.mark.parametrize(
    ("password", "text", "shown"),
    [
        ("pos", "no table analytics.pos_loader_runs at this position", None),
        ("pos", "user pos with pos, 'pos'", "user *** with ***, '***'"),
        ("s3cr!t", "mysql://me:s3cr!t@host, s3cr!tx", "mysql://***@host, ***x"),
    ],
)
def test_a_password_is_hidden_and_no_other_word(password: str, text: str, shown: str | None) -> None:
    server = MariaDB("127.0.0.1", 3306, "me", password, "analytics")
    assert f"query failed: {shown or text} (" in str(mariadb_errors.translate(text, 1064, server))


def profile(folder: Path, **more: object) -> tuple[MariaDB, list[str]]:
    """Read a profile with `more` keys. Returns it and the notes."""
    (folder / "dbt_project.yml").write_text("profile: shop")
    outputs = {"dev": {"type": "mariadb", "schema": "marts", **more}}
    (folder / "profiles.yml").write_text(json.dumps({"shop": {"target": "dev", "outputs": outputs}}))
    notes: list[str] = []
    return read_profile(folder, profiles_dir=folder, note=notes.append), notes


def test_tls_that_is_disabled_is_not_offered(tmp_path: Path) -> None:
    assert profile(tmp_path)[0].offers_tls
    assert profile(tmp_path, ssl_disabled=False)[0].offers_tls
    assert not profile(tmp_path, ssl_disabled=True)[0].offers_tls


def test_other_keys_that_are_not_used_are_named(tmp_path: Path) -> None:
    _, notes = profile(tmp_path, threads=2, charset="utf8mb4", retries=3, init_command="set x=1")
    assert [note.partition(" (")[0] for note in notes] == [
        "the loader does not use init_command, retries of the dbt profile"
    ]


def test_an_absent_server_is_asked_once(servers: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("waited to ask again"))
    absent = MariaDB("127.0.0.1", 1, servers.mariadb_user, servers.mariadb_password, "mysql")
    with pytest.raises(ConnectionFailed, match=r"^cannot connect"), mariadb.connect(absent):
        pass
