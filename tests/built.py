"""Warehouses that are built once and copied by SQL: a second of work in place of a build."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import mysql.connector
import pytest

from pos_sandbox.cluster import Endpoints
from tests import session
from tests.warehouse import PROJECT, Warehouse, warehouse_of

ARTIFACTS = "manifest.json", "run_results.json"


def built_once(
    servers: Endpoints, name: str, build: Callable[[Warehouse], object], *, has_source: bool = False
) -> Warehouse:
    """Build a warehouse that all processes of the session share: copy it, do not change it.

    The first process that asks calls `build`, which runs dbt, on a new schema; where `has_source`, it makes
    the schema of the source as well.
    """
    schema, source = f"shared_{name}", f"shared_source_{name}" if has_source else ""

    def make(folder: Path) -> None:
        warehouse = warehouse_of(servers, folder, schema, source)
        warehouse.create_schema(schema)
        build(warehouse)

    return warehouse_of(servers, session.once(schema, make), schema, source)


def copied(warehouse: Warehouse, folder: Path, schema: str, source: str = "") -> Warehouse:
    """Copy a built warehouse into a new schema, and its artifacts into `folder`.

    The copy reads the same source, or a copy of it in the new schema `source`.
    """
    names = {warehouse.schema: schema} | ({warehouse.pos_schema: source} if source else {})
    copy = replace(warehouse, schema=schema, pos_schema=source or warehouse.pos_schema, target_path=folder)
    for name in names.values():
        session.claim(name)
        copy.create_schema(name)
    for name in reversed(names):  # views of the target read the source
        _copy_schema(copy, name, names)
    for artifact in ARTIFACTS:
        text = (warehouse.target_path / artifact).read_text(encoding="utf-8")
        (folder / artifact).write_text(_renamed(text, names), encoding="utf-8")
    return copy


def _copy_schema(copy: Warehouse, schema: str, names: Mapping[str, str]) -> None:
    """Copy every table and view of a schema."""
    with closing(copy.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(f"use `{names[schema]}`")
        cursor.execute(f"show full tables from `{schema}`")
        kinds = dict(cursor.fetchall())
        for name in (name for name, kind in kinds.items() if kind == "BASE TABLE"):
            _copy_table(cursor, f"`{schema}`.`{name}`", f"`{_renamed(name, names)}`")
        views = []
        for name in (name for name, kind in kinds.items() if kind == "VIEW"):
            cursor.execute(f"show create view `{schema}`.`{name}`")
            views.append(_renamed(cursor.fetchone()[1], names))
        _create_views(cursor, views)


def _create_views(cursor: Any, views: Sequence[str]) -> None:
    """Create views, each after those it reads."""
    while views:
        waiting = []
        for view in views:
            try:
                cursor.execute(view)
            except mysql.connector.ProgrammingError:
                waiting.append(view)
        assert len(waiting) < len(views), waiting[0]
        views = waiting


def _copy_table(cursor: Any, table: str, copy: str) -> None:
    """Copy a table with its keys and the server's count of its rows."""
    cursor.execute(f"create or replace table {copy} like {table}")
    cursor.execute(f"insert into {copy} select * from {table}")
    cursor.execute(f"analyze table {copy}")
    cursor.fetchall()


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """The text with the new names of schemas; the name of a snapshot's table contains its source's."""
    return re.sub("|".join(map(re.escape, names)), lambda found: names[found[0]], text)


@dataclass(frozen=True)
class Saved:
    """What `saved` keeps of a warehouse: the names of the tables of both schemas, and the artifacts."""

    warehouse: Warehouse
    tables: Mapping[str, Sequence[str]]
    artifacts: Mapping[str, bytes]

    def restore(self) -> None:
        """Make all tables and artifacts what they were; drop tables that came since. Views stay."""
        with closing(self.warehouse.connect()) as connection:
            cursor = connection.cursor()
            for schema, names in self.tables.items():
                for name in set(base_tables(cursor, schema)) - set(names):
                    cursor.execute(f"drop table `{schema}`.`{name}`")
                for name in names:
                    _copy_table(cursor, f"`{schema}_saved`.`{name}`", f"`{schema}`.`{name}`")
        for name, content in self.artifacts.items():
            (self.warehouse.target_path / name).write_bytes(content)


def saved(warehouse: Warehouse) -> Saved:
    """Save the tables of a built warehouse and of its source beside them, so that tests may change both."""
    tables = {}
    with closing(warehouse.connect()) as connection:
        cursor = connection.cursor()
        for schema in (warehouse.schema, warehouse.pos_schema):
            warehouse.create_schema(f"{schema}_saved")
            tables[schema] = base_tables(cursor, schema)
            for name in tables[schema]:
                _copy_table(cursor, f"`{schema}`.`{name}`", f"`{schema}_saved`.`{name}`")
    artifacts = {name: (warehouse.target_path / name).read_bytes() for name in ARTIFACTS}
    return Saved(warehouse, tables, artifacts)


def base_tables(cursor: Any, schema: str) -> list[str]:
    """Return the names of a schema's tables without its views."""
    cursor.execute(f"show full tables from `{schema}` where table_type = 'BASE TABLE'")
    return [name for name, _ in cursor.fetchall()]


@pytest.fixture(scope="session")
def built_sample(cluster: Endpoints) -> Warehouse:
    """The sample data, built and tested once for all processes; copy it, do not change it."""
    return built_once(cluster, "sample", lambda warehouse: warehouse.dbt("build"))


@pytest.fixture(scope="session")
def sample_warehouse(built_sample: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The sample data, built and tested: this process's own copy. Read it, do not change it."""
    return copied(built_sample, tmp_path_factory.mktemp("sample"), session.own("test_sample"))


@pytest.fixture(scope="session")
def data_warehouse(
    cluster: Endpoints, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], Warehouse]:
    """A function that imports, builds and tests one of `DATA_SETS`, once; read it, do not change it."""

    @cache
    def build(folder: Path) -> Warehouse:
        built = built_once(cluster, folder.name, lambda new: _import_and_build(new, folder), has_source=True)
        return copied(built, tmp_path_factory.mktemp(folder.name), session.own(f"test_{folder.name}"))

    return build


def _import_and_build(warehouse: Warehouse, folder: Path) -> None:
    command = [sys.executable, "-m", "pos_sandbox", "import", str(folder), "--schema", warehouse.pos_schema]
    subprocess.run(command, cwd=PROJECT, env=warehouse.environment, check=True)
    warehouse.dbt("build")
