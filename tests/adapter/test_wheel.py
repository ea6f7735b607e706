"""The wheel in an empty environment: a project of ten lines, its reader, and another adapter beside it."""

import subprocess
import sys
import threading
from pathlib import Path

import mysql.connector
import pytest

from pos_sandbox import mariadb
from pos_sandbox.cluster import Endpoints
from tests.docs.documents import blocks
from tests.warehouse import PROJECT

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SHOP = {
    "dbt_project.yml": "{name: shop, version: 1.0.0, profile: shop}",
    "models/orders.sql": """
        {{ config(materialized='table', contract={'enforced': true}, primary_key=['order_id']) }}
        select cast(1 as signed) as order_id, cast('19.90' as decimal(10, 2)) as total
    """,
    "models/orders.yml": """
        models:
          - name: orders
            columns: [{name: order_id, data_type: bigint}, {name: total, data_type: "decimal(10, 2)"}]
    """,
}
OTHER = {
    "dbt_project.yml": "{name: other, version: 1.0.0, profile: other}",
    "profiles.yml": "other: {target: dev, outputs: {dev: {type: duckdb, path: ':memory:'}}}",
    "models/one.sql": "select 1 as one",
}
BOTH = """
import sys
from dbt.cli.main import dbtRunner
for folder in sys.argv[1:]:
    if not dbtRunner().invoke(["build", "--project-dir", folder, "--profiles-dir", folder]).success:
        sys.exit(folder)
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def run(*command: str | Path) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment made by the commands of adapter/README.md, with the wheel in place of the index's."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "venv", folder / "venv")
    found = folder / "venv/bin/python"
    run(found, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, PROJECT / "adapter")
    (wheel,) = folder.glob("dbt_mariadb_marts-*.whl")
    commands = next(block.text for block in blocks(PROJECT / "adapter/README.md", "sh")).splitlines()
    assert commands[0] == "pip install dbt-mariadb-marts"
    for command in commands:
        program, *words = command.split()
        run(found, "-m", program, *(wheel if word == "dbt-mariadb-marts" else word for word in words))
    return found


@pytest.fixture
def shop(servers: Endpoints, mariadb_schema: str, tmp_path: Path) -> Path:
    target = (
        f"type: mariadb_marts, port: {servers.mariadb_port}, username: {servers.mariadb_user}, "
        f"password: {servers.mariadb_password}, schema: {mariadb_schema}"
    )
    profile = {"profiles.yml": f"shop: {{target: dev, outputs: {{dev: {{{target}}}}}}}"}
    return write(tmp_path / "shop", SHOP | profile)


def test_no_reader_sees_a_rebuilt_table_missing(
    python: Path, shop: Path, servers: Endpoints, mariadb_schema: str
) -> None:
    build = (python.with_name("dbt"), "build", "--project-dir", shop, "--profiles-dir", shop)
    run(*build)
    done, seen = threading.Event(), []

    def read() -> None:
        with mariadb.connect(port=servers.mariadb_port) as connection:
            cursor = connection.cursor()
            while not done.is_set():
                try:
                    cursor.execute(f"select total from `{mariadb_schema}`.orders")
                    seen.append(str(cursor.fetchall()))
                except mysql.connector.Error as error:
                    seen.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        run(*build)
    finally:
        done.set()
        reader.join()
    assert len(seen) > 100
    assert set(seen) == {"[(Decimal('19.90'),)]"}
    with mariadb.connect(port=servers.mariadb_port) as connection:
        cursor = connection.cursor()
        cursor.execute(f"show keys from `{mariadb_schema}`.orders")
        assert [row[2] for row in cursor.fetchall()] == ["PRIMARY"]


def test_another_adapter_works_in_the_same_process(python: Path, shop: Path, tmp_path: Path) -> None:
    run(python, "-m", "pip", "install", "dbt-duckdb<2")
    other = write(tmp_path / "other", OTHER)
    for folders in ((shop, other), (other, shop)):
        run(python, "-c", BOTH, *folders)
