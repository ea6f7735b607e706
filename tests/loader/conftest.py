"""A connection to the MongoDB of a test file, and databases that are gone afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pos_loader.servers import mongo, mongo_client
from pos_sandbox.cluster import Endpoints
from tests import session
from tests.warehouse import PROJECT


@pytest.fixture(scope="module")
def client(servers: Endpoints) -> Iterator[mongo.Client]:
    with mongo_client.connect(servers.mongo_uri) as connected:
        yield connected


@pytest.fixture(scope="module")
def topology(client: mongo.Client, request: pytest.FixtureRequest) -> mongo_client.Topology:
    found = mongo_client.topology(client)
    assert found.is_cluster is not bool(request.node.get_closest_marker("native"))
    assert (len(found.shards) > 1) is found.is_cluster
    return found


@pytest.fixture(scope="module")
def database(client: mongo.Client) -> Iterator[str]:
    """A database of the test module's own; tests in it use different collections."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    client.drop_database(name)


@pytest.fixture(scope="session")
def manifest() -> dict[str, Any]:
    """The project's manifest as `dbt parse` writes it; needs no server."""
    content: dict[str, Any] = json.loads((session.once("manifest", _parse) / "manifest.json").read_text())
    return content


def _parse(folder: Path) -> None:
    (folder / "profiles.yml").write_text((PROJECT / "profiles.example.yml").read_text())
    dbt = Path(sys.executable).with_name("dbt")
    places: list[str | Path] = ["--target-path", folder, "--log-path", folder, "--profiles-dir", folder]
    command: list[str | Path] = [dbt, "parse", *places]
    subprocess.run(command, cwd=PROJECT, env={**os.environ}, check=True, capture_output=True, timeout=120)
