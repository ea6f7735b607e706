"""The connection for small queries to MariaDB."""

from __future__ import annotations

import pytest

from loader import mariadb
from loader.errors import ConnectionFailed
from loader.profile import MariaDB
from sandbox.cluster import Endpoints
from tests.loader.mongo_helpers import AnswerLosingProxy


def through(proxy: AnswerLosingProxy, servers: Endpoints) -> MariaDB:
    return MariaDB("127.0.0.1", proxy.port, servers.mariadb_user, servers.mariadb_password, "mysql")


def losing(servers: Endpoints, times: int) -> AnswerLosingProxy:
    """Cuts a handshake off after the client's part of it, which holds the user's name."""
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
            pytest.raises(ConnectionFailed, match=rf"^cannot connect \(MariaDB at 127.0.0.1:{proxy.port}\)"),
            mariadb.connect(server),
        ):
            pass
    assert proxy.left == 96


@pytest.mark.parametrize(
    ("password", "text", "shown"),
    [
        ("pos", "no table analytics.pos_loader_runs at this position", None),
        ("pos", "user pos with pos, 'pos'", "user *** with ***, '***'"),
        ("s3cr!t", "mysql://me:s3cr!t@host, s3cr!tx", "mysql://me:***@host, ***x"),
    ],
)
def test_a_password_is_hidden_and_no_other_word(password: str, text: str, shown: str | None) -> None:
    server = MariaDB("127.0.0.1", 3306, "me", password, "analytics")
    assert f"query failed: {shown or text} (" in str(mariadb.translate(text, 1064, server))


def test_an_absent_server_is_asked_once(servers: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("waited to ask again"))
    absent = MariaDB("127.0.0.1", 1, servers.mariadb_user, servers.mariadb_password, "mysql")
    with pytest.raises(ConnectionFailed, match=r"^cannot connect"), mariadb.connect(absent):
        pass
