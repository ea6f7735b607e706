"""A dbt target schema on the test server: run dbt against it as a user would, and query what came out."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mysql.connector

from pos_sandbox import mariadb
from pos_sandbox.cluster import Endpoints
from tests import forked, session

PROJECT = Path(__file__).parents[1]
DATA_SETS = sorted(
    path.parent for path in Path(os.environ.get("POS_DATA_DIR", os.devnull)).glob("*/truth.json")
)
"""Folders of real POS data, each with five CSV files and the figures expected of them in truth.json."""
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Warehouse:
    """One target schema, built from the schema `pos_schema` (empty: the seeds); artifacts: `target_path`."""

    host: str
    port: int
    user: str
    password: str
    schema: str
    target_path: Path
    pos_schema: str = ""
    project: Path = PROJECT
    variables: Mapping[str, object] = field(default_factory=dict)
    """More variables of dbt."""
    with_unit_tests: bool = False
    """Whether a build runs dbt's unit tests as well; tests/project/test_dbt.py runs them once."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a dbt or loader process that works on this schema."""
        return {
            **os.environ,
            "POS_MARIADB_HOST": self.host,
            "POS_MARIADB_PORT": str(self.port),
            "POS_MARIADB_USER": self.user,
            "POS_MARIADB_PASSWORD": self.password,
            "POS_MARIADB_SCHEMA": self.schema,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            **({} if self.with_unit_tests else {"DBT_EXCLUDE_RESOURCE_TYPES": "unit_test"}),
        }

    @property
    def profiles_dir(self) -> Path:
        """A directory with the example profile, made on first use."""
        folder = self.target_path / "profiles"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.project / "profiles.example.yml", folder / "profiles.yml")
        return folder

    def dbt(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run dbt and return the finished process; with `check`, a failing run fails the test."""
        finished = forked.run(
            "dbt.cli.main", self.options(arguments), cwd=self.project, env=self.environment, merged=True
        )
        if check:
            assert finished.returncode == 0, finished.stdout
        return finished

    def start_dbt(self, *arguments: str) -> subprocess.Popen[str]:
        """Start dbt and return the running process."""
        return subprocess.Popen(
            [sys.executable, "-m", "dbt.cli.main", *self.options(arguments)],
            cwd=self.project,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def options(self, arguments: Sequence[str]) -> list[str]:
        """The arguments of a dbt run in this warehouse."""
        return [
            *arguments,
            *("--profiles-dir", str(self.profiles_dir), "--project-dir", str(self.project)),
            *("--target-path", str(self.target_path), "--log-path", str(self.target_path / "logs")),
            *("--no-use-colors", "--vars", json.dumps({"pos_schema": self.pos_schema, **self.variables})),
        ]

    def artifact(self, name: str) -> dict[str, Any]:
        """Read an artifact of the last run, such as `manifest` or `run_results`."""
        content: dict[str, Any] = json.loads((self.target_path / f"{name}.json").read_text())
        return content

    def results(self) -> dict[str, tuple[str, str]]:
        """Status and message of every node of the last run, by its short name; hooks are left out."""
        return {
            result["unique_id"].split(".")[2]: (result["status"], result["message"] or "")
            for result in self.artifact("run_results")["results"]
            if not result["unique_id"].startswith("operation.")
        }

    def connect(self) -> Any:
        """Open a connection whose current schema is the target schema, with the state of the sandbox's."""
        connection: Any = mysql.connector.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=self.schema,
            charset="utf8mb4",
            collation="utf8mb4_unicode_ci",
            autocommit=True,
        )
        for statement in mariadb.SESSION:
            connection.cmd_query(statement)
        return connection

    def query(self, sql: str, rows: Sequence[Row] = ()) -> list[Row]:
        """Run one statement, once per tuple of `rows` if given, and return the rows it yields."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.executemany(sql, rows) if rows else cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.with_rows else []
        finally:
            connection.close()

    def query_in(self, schema: str, sql: str) -> list[Row]:
        """Run one statement with another current schema and return the rows it yields."""
        return replace(self, schema=schema).query(sql)

    def create_schema(self, name: str) -> None:
        """Create an empty schema, dropping one of that name."""
        with mariadb.connect(
            host=self.host, port=self.port, user=self.user, password=self.password
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(f"drop database if exists `{name}`")
            cursor.execute(f"create database `{name}` character set utf8mb4 collate utf8mb4_unicode_ci")


def new_warehouse(servers: Endpoints, folder: Path, schema: str, pos_schema: str = "") -> Warehouse:
    """Return a warehouse on the test server whose target schema is new and empty.

    No other test file may use the name of either schema: see `tests.session.claim`.
    """
    for name in filter(None, (schema, pos_schema)):
        session.claim(name)
    warehouse = warehouse_of(servers, folder, schema, pos_schema)
    warehouse.create_schema(schema)
    return warehouse


def warehouse_of(servers: Endpoints, folder: Path, schema: str, pos_schema: str) -> Warehouse:
    """Describe a warehouse on the test server."""
    return Warehouse(
        host=servers.mariadb_host,
        port=servers.mariadb_port,
        user=servers.mariadb_user,
        password=servers.mariadb_password,
        schema=schema,
        target_path=folder,
        pos_schema=pos_schema,
    )
