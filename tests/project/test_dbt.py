"""What a current dbt offers: unit tests, builds without rows, strict YAML; and a history that 1.7 began."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pos_sandbox.cluster import Endpoints
from tests.warehouse import Warehouse, new_warehouse

SNAPSHOT = """
    create table product_prices__sample (
        product_id bigint(20) default null,
        product_name varchar(300) character set utf8mb4 collate utf8mb4_general_ci default null,
        current_price decimal(19, 4) default null,
        dbt_scd_id varchar(32) default null,
        dbt_updated_at datetime(6) not null,
        dbt_valid_from datetime(6) not null,
        dbt_valid_to datetime(6) default null,
        key product_id (product_id),
        key dbt_scd_id (dbt_scd_id)
    ) default charset = utf8mb4 collate = utf8mb4_unicode_ci
"""
"""The table as dbt 1.7 made it."""
BEGUN = "2025-01-01 00:00:00.123456"
HISTORY = """
    select product_id, current_price, dbt_valid_from, dbt_valid_to
    from product_prices__sample
    order by 1, 3
"""
STRICT = """
import sys
from dbt.cli.main import dbtRunner
from dbt.jsonschemas import jsonschemas

jsonschemas._JSONSCHEMA_SUPPORTED_ADAPTERS.add("mariadb_marts")
jsonschemas._ADAPTER_TO_CONFIG_ALIASES["mariadb_marts"] = ["primary_key", "indexes"]
sys.exit(not dbtRunner().invoke(sys.argv[1:]).success)
"""
"""Runs dbt with its validation of YAML, which it does for a few adapters only."""


def test_unit_tests_pass(sample_warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse = replace(sample_warehouse, target_path=tmp_path, with_unit_tests=True)
    warehouse.dbt("test", "--select", "test_type:unit")
    results = warehouse.artifact("run_results")["results"]
    found = [each["status"] for each in results if each["unique_id"].startswith("unit_test.")]
    assert len(found) >= 10
    assert set(found) == {"pass"}


def test_every_staging_model_of_the_source_has_a_unit_test(sample_warehouse: Warehouse) -> None:
    manifest = sample_warehouse.artifact("manifest")
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    staging = {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["path"].startswith("staging/pos/")
    }
    assert staging - tested == {"stg_pos__source_columns"}
    assert "fct_order_lines" in tested


def test_builds_of_your_own_tables_have_no_unit_tests(sample_warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse = replace(sample_warehouse, target_path=tmp_path, pos_schema="shop", with_unit_tests=True)
    warehouse.dbt("parse")
    assert not warehouse.artifact("manifest")["unit_tests"]


def test_a_build_without_rows_passes(servers: Endpoints, tmp_path: Path) -> None:
    warehouse = new_warehouse(servers, tmp_path, "test_empty")
    warehouse.dbt("build", "--empty")
    assert warehouse.query("select count(*) from fct_order_lines") == [(0,)]


def parse_strictly(warehouse: Warehouse) -> subprocess.CompletedProcess[str]:
    strict = ("--no-partial-parse", "--warn-error-options", '{"error": ["Deprecations"]}')
    return subprocess.run(
        [sys.executable, "-c", STRICT, *warehouse.options(("parse", *strict))],
        cwd=warehouse.project,
        env=warehouse.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_nothing_is_deprecated(sample_warehouse: Warehouse, tmp_path: Path) -> None:
    finished = parse_strictly(replace(sample_warehouse, target_path=tmp_path))
    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize("kept", [True, False])
def test_a_history_that_dbt_1_7_began_goes_on(kept: bool, servers: Endpoints, tmp_path: Path) -> None:
    """An unchanged price adds no row; a changed one ends the row of dbt 1.7 and begins another."""
    warehouse = new_warehouse(servers, tmp_path, f"test_history_{kept}".lower())
    warehouse.dbt("seed")
    warehouse.query(SNAPSHOT)
    warehouse.query(
        "insert into product_prices__sample select id, name, currentPrice, "
        f"md5(concat_ws('|', id, '{BEGUN}')), '{BEGUN}', '{BEGUN}', null from pos_product"
    )
    before = warehouse.query(HISTORY)
    if not kept:
        warehouse.query("update product_prices__sample set current_price = 1 where product_id = 1")
    warehouse.dbt("run", "--select", "stg_pos__product")
    warehouse.dbt("snapshot")
    after = warehouse.query(HISTORY)
    if kept:
        assert after == before
        return
    (old, new) = [row for row in after if row[0] == 1]
    assert (old[1], old[3], new[3]) == (1, new[2], None)
    assert [row for row in after if row[0] != 1] == [row for row in before if row[0] != 1]
