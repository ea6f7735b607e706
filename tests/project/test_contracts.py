"""A mart is built as declared or not at all; MariaDB never changes a value silently."""

import shutil
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
import yaml

from pos_sandbox.cluster import Endpoints
from tests.warehouse import PROJECT, Row, Warehouse, new_warehouse

COPIED = ("dbt_project.yml", "profiles.example.yml", "macros", "seeds", "snapshots", "tests/dbt", "models")

# Model: the declared type of its column `value`, the expression selected, a part of the error message.
REFUSED = {
    "text_too_long": ("varchar(3)", "'abcd'", "Data too long"),
    "number_too_large": ("int", "99999999999", "Out of range"),
    "amount_too_large": ("decimal(19,4)", "cast(1e18 as decimal(30,4))", "Out of range"),
    "cast_too_large": ("decimal(19,4)", "cast(1e18 as decimal(19,4))", "Out of range"),
    "more_decimals": ("decimal(19,4)", "cast(1.23456 as decimal(20,5))", "decimal(20,5)"),
    "binary_fraction": ("decimal(19,4)", "cast(0.1 as double)", "double"),
    "decimals_to_integer": ("bigint", "1.5", "decimal(2,1)"),
    "finer_seconds": ("datetime", "utc_timestamp(6)", "datetime(6)"),
    "time_to_date": ("date", "utc_timestamp()", "datetime"),
    "text_to_number": ("bigint", "'12'", "varchar(2)"),
    "null_in_not_null": ("bigint", "cast(null as signed)", "cannot be null"),
    "other_column": ("bigint", "1 as other, 2", "other"),
}
ACCEPTED = {
    "bigint": "cast(9223372036854775807 as signed)",
    "tinyint": "1",
    "boolean": "1 is not null",
    "int": "cast(-5 as signed)",
    "decimal(19,4)": "cast(12.3456 as decimal(19,4))",
    "datetime(6)": "cast('2024-02-29 12:34:56.789012' as datetime(6))",
    "date": "cast('2024-02-29' as date)",
    "varchar(4)": "'é😀'",
    "json": "'{}'",
}
CROSS_DATABASE: dict[str, tuple[str, object]] = {
    "concat": ("{{ dbt.concat([\"'a'\", \"'b'\"]) }}", "ab"),
    "string": ("cast(12 as {{ dbt.type_string() }})", "12"),
    "numeric": ("cast(cast(1.5 as {{ dbt.type_numeric() }}) as char)", "1.500000"),
    "hash": ("{{ dbt.hash('12') }}", "c20ad4d76fe97759aa27a0c99bff6710"),
    "month": ("{{ dbt.date_trunc('month', \"'2024-02-29 12:34:56'\") }}", datetime(2024, 2, 1)),
    "week": ("{{ dbt.date_trunc('week', \"'2024-02-29 12:34:56'\") }}", datetime(2024, 2, 26)),
    "quarter": ("{{ dbt.date_trunc('quarter', \"'2024-06-30'\") }}", datetime(2024, 4, 1)),
    "hour": ("{{ dbt.date_trunc('hour', \"'2024-02-29 12:34:56'\") }}", datetime(2024, 2, 29, 12)),
    "added": ("{{ dbt.dateadd('day', 1, \"cast('2024-02-28' as date)\") }}", date(2024, 2, 29)),
    "years": ("{{ dbt.datediff(\"'2023-12-31'\", \"'2024-01-01'\", 'year') }}", 1),
    "days": ("{{ dbt.datediff(\"'2024-02-28 23:00'\", \"'2024-03-01 01:00'\", 'day') }}", 2),
}


def model(folder: Path, name: str, sql: str, types: dict[str, str], **config: object) -> None:
    """Write a model and its contract; every column refuses NULL."""
    columns = [
        {"name": column, "data_type": kind, "constraints": [{"type": "not_null"}]}
        for column, kind in types.items()
    ]
    (folder / f"{name}.sql").write_text(sql)
    (folder / f"_{name}.yml").write_text(
        yaml.safe_dump({"version": 2, "models": [{"name": name, "config": config, "columns": columns}]})
    )


@pytest.fixture(scope="module")
def built(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A copy of the project with one model per case, run once."""
    project = tmp_path_factory.mktemp("project")
    for name in COPIED:
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copyfile
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        copy(PROJECT / name, project / name)
    folder = project / "models" / "marts" / "core"
    for name, (kind, expression, _) in REFUSED.items():
        model(folder, name, f"select {expression} as value", {"value": kind})
    accepted = {f"c{number}": kind for number, kind in enumerate(ACCEPTED)}
    values = (f"{value} as c{number}" for number, value in enumerate(ACCEPTED.values()))
    model(folder, "accepted", f"select {', '.join(values)}", accepted, primary_key=["c3", "c0"])
    model(folder, "repeated_key", "select 1 as a union all select 1", {"a": "int"}, primary_key=["a"])
    model(folder, "unknown_key", "select 1 as a", {"a": "int"}, primary_key=["b"])
    calls = (f"{call} as `{name}`" for name, (call, _) in CROSS_DATABASE.items())
    free = "{{ config(contract={'enforced': false}) }}"
    (folder.parent / "cross_database.sql").write_text(f"{free} select {', '.join(calls)}")
    (folder.parent / "undescribed.sql").write_text("select 1 as a")

    target = tmp_path_factory.mktemp("contracts")
    warehouse = replace(new_warehouse(servers, target, "test_contracts"), project=project)
    cases = (*REFUSED, "accepted", "repeated_key", "unknown_key", "cross_database", "undescribed")
    warehouse.dbt("run", "--select", *cases, check=False)
    return warehouse


@pytest.mark.parametrize("name", REFUSED)
def test_a_value_that_would_change_is_refused(name: str, built: Warehouse) -> None:
    status, message = built.results()[name]
    assert status == "error"
    assert REFUSED[name][2] in message


def test_a_contract_without_columns_is_refused(built: Warehouse) -> None:
    status, message = built.results()["undescribed"]
    assert status == "error"
    assert "the contract of undescribed is enforced, but no column is declared" in message


def test_keys_are_checked(built: Warehouse) -> None:
    results = built.results()
    assert "Duplicate entry" in results["repeated_key"][1]
    assert "names the column 'b'; its columns are a" in results["unknown_key"][1]


def test_all_types_of_a_contract_are_accepted(built: Warehouse) -> None:
    assert built.results()["accepted"][0] == "success"
    rows: list[Row] = built.query("select c0, c5, c7 from accepted")
    assert rows == [(9223372036854775807, datetime(2024, 2, 29, 12, 34, 56, 789012), "é😀")]


def test_a_failed_model_leaves_no_table(built: Warehouse) -> None:
    assert {name for (name,) in built.query("show tables")} == {
        "accepted",
        "cross_database",
        "dbt_build_stamp",
        "dbt_build_state",
    }


@pytest.mark.parametrize("name", CROSS_DATABASE)
def test_cross_database_macros(name: str, built: Warehouse) -> None:
    assert built.query(f"select `{name}` from cross_database") == [(CROSS_DATABASE[name][1],)]
