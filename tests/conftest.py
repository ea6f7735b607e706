"""Real servers for the whole test session: a MariaDB and a sharded MongoDB.

POS_TEST_SANDBOX_DIR names a folder to keep between runs; servers that ran there before the session
run on after it. Without it, everything is made in a temporary folder and removed at the end. All
processes of a session (pytest --numprocesses) share the servers; what each makes there has its own name.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pymongo import MongoClient

from pos_sandbox import mariadb
from pos_sandbox.cluster import Endpoints, Sandbox
from pos_sandbox.settings import Ports
from tests import forked, session
from tests.built import built_sample as built_sample
from tests.built import data_warehouse as data_warehouse
from tests.built import sample_warehouse as sample_warehouse

BEGUN = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[BEGUN] = session.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    forked.stop()
    session.end() if config.stash.get(BEGUN, False) else session.let_go()


@pytest.fixture(scope="session")
def free_ports() -> Callable[[], Ports]:
    """A function that finds ports for one more sandbox."""
    return session.free_ports


@pytest.fixture(scope="session")
def session_sandbox() -> Sandbox:
    """The sandbox all tests share; tests of starting and stopping make their own."""
    return session.sandbox()


@pytest.fixture(scope="session")
def cluster(session_sandbox: Sandbox) -> Endpoints:
    """Where MariaDB and the sharded MongoDB listen: mariadb_host, _port, _user, _password and mongo_uri."""
    return session_sandbox.endpoints


@pytest.fixture(scope="module")
def servers(request: pytest.FixtureRequest, cluster: Endpoints) -> Endpoints:
    """The servers of a test file: MongoDB is a native server of one member if the file is marked `native`."""
    is_native = request.node.get_closest_marker("native")
    return replace(cluster, mongo_uri=session.native_uri()) if is_native else cluster


@pytest.fixture
def mongo_database(servers: Endpoints) -> Iterator[str]:
    """A database name nobody used; the database is dropped after the test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    with MongoClient[dict[str, Any]](servers.mongo_uri, timeoutMS=60_000) as client:
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
