"""Faults of a connection are told apart: each has its own words, and says what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from pymongo.uri_parser import parse_uri

from pos_loader.errors import ConnectionFailed
from pos_loader.servers import mariadb, mongo_client
from pos_loader.servers.profile import MariaDB
from tests.waits.stage import Stage


@pytest.fixture(scope="module")
def server(stage: Stage) -> MariaDB:
    warehouse = stage.loader.warehouse
    return MariaDB(warehouse.host, warehouse.port, warehouse.user, warehouse.password, "shop", timeout=1)


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


def run(server: MariaDB, *statements: str) -> None:
    with mariadb.connect(server) as queries:
        for statement in statements:
            queries.execute(statement)


def refused(server: MariaDB, *statements: str) -> str:
    with pytest.raises(ConnectionFailed) as caught:
        run(server, *statements)
    return str(caught.value).replace(server.address, "HERE")


def test_mariadb_refused_unknown_silent_password_right_and_tls(
    server: MariaDB, stage: Stage, silent: int
) -> None:
    wrong = replace(server, password="no")
    assert refused(replace(server, port=1)).startswith("cannot connect: nothing listens there (")
    assert refused(replace(server, host="nowhere.invalid")).startswith("cannot connect: no such host (")
    assert refused(replace(server, port=silent)).startswith("no answer within 1 s (MariaDB at HERE); check")
    assert refused(wrong).startswith("user pos is refused: wrong password, no such user, or no TLS")
    admin = stage.loader.warehouse.query
    admin("create user reader@'127.0.0.1' identified by 'r3ads'")
    reader = replace(server, user="reader", password="r3ads")
    admin("grant select on shop.* to reader@'127.0.0.1'")
    message = refused(reader, "insert into shop.shops values (0, 0, '')")
    assert message.startswith("user reader lacks a right: INSERT command denied"), message
    assert message.endswith("; grant it")


def test_mongodb_refused_unknown_silent_password_and_tls(stage: Stage, silent: int) -> None:
    (_, port), *_ = parse_uri(stage.loader.mongo_uri)["nodelist"]
    for uri, words in {
        "mongodb://127.0.0.1:1": r"does not answer: .*Connection refused; start it",
        "mongodb://nowhere.invalid/?tls=true": r"is no host that can be found: .*; check the host",
        f"mongodb://127.0.0.1:{silent}": r"stays silent for 1 s: .*; check that it runs",
        f"mongodb://u:p@127.0.0.1:{port}": r"refuses us: Authentication failed; check the user",
        f"mongodb://127.0.0.1:{port}/?tls=true": r"and we agree on no TLS: .*; check the tls options",
        f"mongodb://127.0.0.1:{port}/?replicaSet=other": r"; check",
    }.items():
        with pytest.raises(ConnectionFailed, match=words):
            mongo_client.connect(uri, timeout=1)
