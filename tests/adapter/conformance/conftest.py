"""The profile and the folders of dbt's own conformance cases."""

from pathlib import Path

import pytest
from dbt.tests.fixtures.project import *  # noqa: F403 - pytest takes fixtures from a conftest's names

from pos_sandbox.cluster import Endpoints


@pytest.fixture(scope="class")
def dbt_profile_target(servers: Endpoints) -> dict[str, object]:
    return {
        "type": "mariadb_marts",
        "server": servers.mariadb_host,
        "port": servers.mariadb_port,
        "user": servers.mariadb_user,
        "password": servers.mariadb_password,
        "threads": 2,
    }


@pytest.fixture(scope="class")
def logs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")
