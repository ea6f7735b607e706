"""The project keeps the rules of rules.py, and each rule can fail."""

import re
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import sqlfluff
import yaml

from tests.project import macro_rules, rules
from tests.warehouse import PROJECT, Warehouse

RULES = (*rules.RULES, *macro_rules.RULES)
FOLDERS = ("models", "seeds", "snapshots", "macros", "adapter", "analyses")
YAML_FILES = sorted(
    chain([PROJECT / "dbt_project.yml"], *((PROJECT / name).rglob("*.yml") for name in FOLDERS))
)


@pytest.fixture
def manifest(sample_warehouse: Warehouse) -> rules.Manifest:
    return sample_warehouse.artifact("manifest")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule: Callable[[rules.Manifest], Any], manifest: rules.Manifest) -> None:
    assert list(rule(manifest)) == []


def model(manifest: rules.Manifest, name: str) -> dict[str, Any]:
    """A model of the manifest by its name."""
    found: dict[str, Any] = manifest["nodes"][f"model.pos.{name}"]
    return found


BREACHES: dict[str, Callable[[dict[str, Any], rules.Manifest], object]] = {
    "models_end_with_their_grain": lambda mart, _: mart.update(description="Orders."),
    "columns_are_described": lambda mart, _: mart["columns"]["order_id"].update(description=" "),
    "keys_are_tested": lambda mart, _: mart["config"].update(primary_key=["order_total"]),
    "staging_keys_are_tested": lambda _, manifest: model(manifest, "stg_pos__product")["config"].update(
        meta={"key_tested_in": "dim_customers"}
    ),
    "intermediate_models_ref_no_mart": lambda _, manifest: model(manifest, "int_orders_changed")[
        "depends_on"
    ]["nodes"].append("model.pos.fct_orders"),
    "models_say_that_they_read_the_last_build": lambda _, manifest: model(
        manifest, "int_orders_changed"
    ).update(description="One row per order."),
    "macros_are_described": lambda _, manifest: manifest["macros"]["macro.pos.ratio"]["arguments"].pop(),
    "macro_files_hold_one_macro": lambda _, manifest: manifest["macros"]["macro.pos.ratio"].update(
        original_file_path="macros/reports/share.sql"
    ),
    "the_adapter_is_overridden_in_one_folder": lambda _, manifest: manifest["macros"][
        "macro.pos.mariadb_marts__after_swap"
    ].update(original_file_path="macros/after_swap.sql"),
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


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_finds_a_breach(rule: Callable[[rules.Manifest], Any], manifest: rules.Manifest) -> None:
    BREACHES[rule.__name__](manifest["nodes"]["model.pos.fct_orders"], manifest)
    assert list(rule(manifest))


@pytest.mark.parametrize(
    ("sql", "arguments"),
    [
        ("{% macro share(amount, whole) -%}", ["amount", "whole"]),
        ("{%- macro a(b=none, c='x, y', d=[1, 2]) %}", ["b", "c", "d"]),
        ("{% test fits(model) %}", ["model"]),
        ("{% materialization view, adapter='mariadb_marts' %}", []),
    ],
)
def test_arguments_of_a_macro(sql: str, arguments: list[str]) -> None:
    assert macro_rules.arguments_of(sql) == arguments


def test_macro_files_leave_descriptions_to_their_yaml() -> None:
    files = sorted([*(PROJECT / "macros").rglob("*.sql"), *macro_rules.ADAPTER.rglob("*.sql")])
    assert [path.name for path in files if not path.read_text().startswith("{%")] == []


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_yaml_has_no_old_key(path: Path) -> None:
    assert list(rules.yaml_file_breaches(path)) == []


@pytest.mark.parametrize("text", ["models: [{tests: []}]", "on: 1", "a: {no: 1}"])
def test_old_yaml_keys_are_found(text: str) -> None:
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
