"""TLS and several hosts, against a server that requires TLS and has a certificate for one name."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dbt.adapters.exceptions import FailedToConnectError

from dbt.adapters.mariadb_marts.connections import ConnectionManager
from tests.adapter.test_credentials import credentials
from tests.tls import PASSWORD, USER, tls_server


@dataclass(frozen=True)
class Server:
    """A MariaDB with TLS whose certificate is for 127.0.0.1, and the files that prove it."""

    folder: Path
    port: int

    def open(self, **keys: Any) -> Any:
        """Connect as dbt does and return the driver's connection."""
        given = credentials(**_given(keys, self.port))
        connection = SimpleNamespace(state="init", credentials=given, handle=None)
        return ConnectionManager.open(connection).handle

    def refused(self, **keys: Any) -> str:
        """Connect in vain and return the message."""
        with pytest.raises(FailedToConnectError) as error:
            self.open(**keys)
        return str(error.value.msg)


def _given(keys: dict[str, Any], port: int) -> dict[str, Any]:
    """The target's keys; one that is None is left out."""
    target = {"server": "127.0.0.1", "port": port, "username": USER, "password": PASSWORD, **keys}
    return {key: value for key, value in target.items() if value is not None}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with tls_server(tmp_path_factory.mktemp("tls")) as made:
        yield Server(made.folder, made.port)


def one(handle: Any, sql: str) -> Any:
    cursor = handle.cursor()
    cursor.execute(sql)
    (row,) = cursor.fetchall()
    return row


def test_a_server_of_the_authority_and_the_name_is_accepted(server: Server) -> None:
    handle = server.open(ssl_ca=str(server.folder / "ca.pem"))
    assert one(handle, "show session status like 'Ssl_cipher'")[1]
    assert one(handle, "select @@time_zone, @@tx_isolation") == ("+00:00", "READ-COMMITTED")


def test_another_authority_is_refused(server: Server) -> None:
    said = server.refused(ssl_ca=str(server.folder / "other.pem"))
    assert said.startswith(f"MariaDB cannot be reached: 127.0.0.1:{server.port}: ")
    assert "certificate" in said.lower()


def test_another_name_is_refused_unless_it_does_not_matter(server: Server) -> None:
    ca = str(server.folder / "ca.pem")
    assert "certificate" in server.refused(server="127.0.0.2", ssl_ca=ca).lower()
    assert server.open(server="127.0.0.2", ssl_ca=ca, ssl_verify_identity=False)


def test_a_server_that_requires_tls_refuses_a_plain_connection(server: Server) -> None:
    assert "1045" in server.refused(ssl_disabled=True)


def test_the_second_host_serves_when_the_first_is_down(server: Server) -> None:
    ca = str(server.folder / "ca.pem")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        down = probe.getsockname()[1]
    hosts = [f"127.0.0.1:{down}", f"127.0.0.1:{server.port}"]
    assert server.open(server=None, port=None, hosts=hosts, ssl_ca=ca)
    said = server.refused(server=None, port=None, hosts=hosts[:1] * 2, ssl_ca=ca)
    assert said.count(f"127.0.0.1:{down}: ") == 2
