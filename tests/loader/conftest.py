"""A connection to the test servers' cluster, and databases that are gone afterwards."""

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

from pos_loader.servers import mongo


@pytest.fixture(scope="session")
def client(servers: Any) -> Iterator[mongo.Client]:
    with mongo.connect(servers.mongo_uri) as connected:
        yield connected


@pytest.fixture(scope="session")
def topology(client: mongo.Client) -> mongo.Topology:
    found = mongo.topology(client)
    assert found.is_cluster
    assert len(found.shards) > 1
    return found


@pytest.fixture(scope="module")
def database(client: mongo.Client) -> Iterator[str]:
    """A database of the test module's own; tests in it use different collections."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    client.drop_database(name)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The project's manifest as `dbt parse` writes it; needs no server."""
    folder = tmp_path_factory.mktemp("manifest")
    project = Path(__file__).parents[2]
    (folder / "profiles.yml").write_text((project / "profiles.example.yml").read_text())
    dbt = Path(sys.executable).with_name("dbt")
    places: list[str | Path] = ["--target-path", folder, "--log-path", folder, "--profiles-dir", folder]
    command: list[str | Path] = [dbt, "parse", *places]
    subprocess.run(command, cwd=project, env={**os.environ}, check=True, capture_output=True, timeout=120)
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return content
