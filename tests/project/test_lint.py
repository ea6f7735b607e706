"""The rules of rules.py hold, and each of them can fail."""

import re
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import sqlfluff
import yaml

from tests.project import rules
from tests.warehouse import PROJECT, Warehouse

FOLDERS = ("models", "seeds", "snapshots", "macros", "analyses")
YAML_FILES = sorted(
    chain([PROJECT / "dbt_project.yml"], *((PROJECT / name).rglob("*.yml") for name in FOLDERS))
)


@pytest.fixture
def manifest(sample_warehouse: Warehouse) -> rules.Manifest:
    return sample_warehouse.artifact("manifest")


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule: Callable[[rules.Manifest], Any], manifest: rules.Manifest) -> None:
    assert list(rule(manifest)) == []


BREACHES: dict[str, Callable[[dict[str, Any], rules.Manifest], object]] = {
    "models_end_with_their_grain": lambda mart, _: mart.update(description="Orders."),
    "columns_are_described": lambda mart, _: mart["columns"]["order_id"].update(description=" "),
    "keys_are_tested": lambda mart, _: mart["config"].update(primary_key=["order_total"]),
    "only_staging_reads_the_source": lambda mart, _: mart["depends_on"]["nodes"].append(
        "source.pos.pos.order"
    ),
    "names_follow_folders": lambda mart, _: mart.update(name="orders"),
    "no_config_is_ignored": lambda mart, _: mart["config"].update(incremental_strategy="merge"),
    "marts_have_contracts": lambda mart, _: mart["config"].update(contract={"enforced": False}),
    "personal_columns_are_declared": lambda mart, _: mart["columns"].update(
        email={"name": "email", "meta": {}}
    ),
    "exposures_are_complete": lambda _, manifest: [
        e.update(maturity=None) for e in manifest["exposures"].values()
    ],
}


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_rule_finds_a_breach(rule: Callable[[rules.Manifest], Any], manifest: rules.Manifest) -> None:
    BREACHES[rule.__name__](manifest["nodes"]["model.pos.fct_orders"], manifest)
    assert list(rule(manifest))


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_yaml_has_no_key_that_dbt_ignores(path: Path) -> None:
    assert list(rules.yaml_file_breaches(path)) == []


@pytest.mark.parametrize("text", ["models: [{data_tests: []}]", "unit_tests: []", "on: 1", "a: {no: 1}"])
def test_ignored_yaml_keys_are_found(text: str) -> None:
    assert list(rules.yaml_breaches(yaml.safe_load(text), "file"))


def test_documented_columns_are_the_columns(manifest: rules.Manifest, sample_warehouse: Warehouse) -> None:
    for node in rules.nodes(manifest, "model", "snapshot"):
        found = sample_warehouse.query(
            "select column_name from information_schema.columns "
            f"where table_schema = '{sample_warehouse.schema}' and table_name = '{node['alias']}'"
        )
        assert {name for (name,) in found} == set(node["columns"]), node["name"]


@pytest.mark.parametrize("path", sorted((PROJECT / "snapshots").glob("*.sql")), ids=lambda path: path.name)
def test_snapshots_pass_sqlfluff(path: Path) -> None:
    # sqlfluff does not know the snapshot tag.
    sql = re.sub(r"{% (end)?snapshot.*%}\n", "", path.read_text()).strip() + "\n"
    assert sqlfluff.lint(sql, config_path=str(PROJECT / ".sqlfluff")) == []
