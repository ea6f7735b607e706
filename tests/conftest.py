"""Real servers for the whole test session: a MariaDB and a sharded MongoDB.

POS_TEST_SANDBOX_DIR names a folder to keep between runs; servers that ran there before the session
run on after it. Without it, everything is made in a temporary folder and removed at the end. Each of
several processes (pytest --numprocesses) has its own.
"""

import os
import random
import socket
import uuid
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from pos_sandbox import mariadb, mongodb
from pos_sandbox.cluster import Endpoints, Sandbox
from pos_sandbox.process import HOST
from pos_sandbox.settings import Ports, stored_ports
from tests.warehouse import data_warehouse as data_warehouse
from tests.warehouse import sample_warehouse as sample_warehouse


def _free_ports() -> Ports:
    """Return five free ports, below those the kernel hands to outgoing connections."""
    chosen: list[int] = []
    while len(chosen) < len(fields(Ports)):
        port = random.randrange(20_000, 30_000)  # noqa: S311
        with socket.socket() as probe:
            if port not in chosen and probe.connect_ex((HOST, port)):
                chosen.append(port)
    return Ports(*chosen)


@pytest.fixture(scope="session")
def free_ports() -> Callable[[], Ports]:
    """A function that finds ports for one more sandbox."""
    return _free_ports


@pytest.fixture(scope="session")
def session_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The sandbox all tests share; tests of starting and stopping make their own."""
    kept = os.environ.get("POS_TEST_SANDBOX_DIR")
    process = os.environ.get("PYTEST_XDIST_WORKER", "")
    root = Path(kept, process) if kept else tmp_path_factory.mktemp("servers") / "sandbox"
    sandbox = Sandbox(root, stored_ports(root) or _free_ports())
    ran_before = any(row.pid for row in sandbox.status())
    try:
        sandbox.up()
        yield sandbox
    finally:
        if not ran_before:
            sandbox.down(erase=not kept)


@pytest.fixture(scope="session")
def servers(session_sandbox: Sandbox) -> Endpoints:
    """Where the session's servers listen: mariadb_host, _port, _user, _password and mongo_uri."""
    return session_sandbox.endpoints


@pytest.fixture
def mongo_database(session_sandbox: Sandbox) -> Iterator[str]:
    """A database name nobody used; the database is dropped after the test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    with mongodb.connect(session_sandbox.ports.mongos, timeout=60) as client:
        client.drop_database(name)


@pytest.fixture
def mariadb_schema(servers: Endpoints) -> Iterator[str]:
    """A new, empty MariaDB schema; it is dropped after the test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with mariadb.connect(port=servers.mariadb_port) as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE DATABASE `{name}`")
        try:
            yield name
        finally:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
