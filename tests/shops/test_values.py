"""Import and staging accept and refuse the same values, as docs/values.md describes."""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from pos_sandbox import values
from pos_sandbox.cli import app
from pos_sandbox.cluster import Endpoints
from pos_sandbox.pos_schema import TABLES
from tests.shops.verdicts import MISSING, PLACEHOLDER, UNREADABLE, Case, cases
from tests.warehouse import PROJECT, Warehouse, new_warehouse

CASES = cases()
STAGED = {
    "availableQuantity": "available_quantity",
    "currentPrice": "current_price",
    "name": "product_name",
    "birthdate": "birthdate",
    "datePlaced": "placed_at",
    "firstName": "first_name",
    "address1": "address1",
    "phone": "phone",
    "zip": "written_zip",
}
KEYS = {"product": "product_id", "customer": "customer_id", "order": "order_id"}
TOLERANT = {
    "unreadable_values": "missing",
    "timestamp_precision": "milliseconds",
    "missing_words": ["no value", "it's"],
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.column}-{case.value[:20]!r}")
def test_import_has_the_verdict(case: Case) -> None:
    fault = case.kind.fault(case.value) if case.value else None
    assert bool(fault) is case.only_as_text
    if not fault and case.value:
        remark = case.kind.remark(case.value)
        assert (remark is not None and "missing" in remark[1]) is (case.verdict == PLACEHOLDER)


def test_the_domains_are_written_alike_in_import_contracts_and_variables() -> None:
    variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    assert variables["orders_from"] == values.ORDERS_FROM
    assert variables["birthdates_from"] == values.BIRTHDATES_FROM
    assert tuple(variables["missing_dates"]) == values.NO_DATES
    marts = yaml.safe_load((PROJECT / "models/marts/core/_core__models.yml").read_text())["models"]
    contracts = {
        column["name"]: column["data_type"]
        for mart in marts
        if mart["name"] in ("dim_customers", "dim_products")
        for column in mart["columns"]
    }
    for table in TABLES:
        for column in table.columns:
            name = re.sub("(?=[A-Z])", "_", column.name).lower() if column.name != "name" else "product_name"
            if column.kind.sql.startswith("varchar"):
                assert column.kind.sql == contracts[name], column.name


def written(folder: Path, chosen: Iterable[Case]) -> dict[tuple[str, int], Case]:
    """Write a shop with each value in a row of its own; return the cases by table and key."""
    rows: dict[str, list[dict[str, object]]] = {table.name: [] for table in TABLES}
    rows["customer"].append({"id": 1})
    placed = {}
    for key, case in enumerate(chosen, start=2):
        rows[case.table].append({"id": key, case.column: case.value})
        placed[case.table, key] = case
    for row in rows["order"]:
        row["customer_id"] = 1
    folder.mkdir()
    for table in TABLES:
        with (folder / table.file).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [column.name for column in table.columns])
            writer.writeheader()
            writer.writerows(rows[table.name])
    return placed


def imported(warehouse: Warehouse, folder: Path, *options: str) -> None:
    """Run `pos-sandbox import`."""
    arguments = ["import", str(folder), f"--schema={warehouse.pos_schema}", f"--port={warehouse.port}"]
    done = CliRunner().invoke(app, [*arguments, *options])
    assert done.exit_code == 0, done.stderr


def shown(value: Any) -> str | None:
    """A value of a staging view or a document as values.yml writes it."""
    match value:
        case None | str():
            return value
        case datetime():
            text = value.isoformat(" ", timespec="milliseconds").removesuffix(".000")
            return text.removesuffix(" 00:00:00") if value.time() == datetime.min.time() else text
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value.normalize():f}"
    return str(value)


def build_staging(warehouse: Warehouse) -> str:
    """Build and test the staging views with keys, with all ways out; return what dbt prints."""
    views = [f"stg_pos__{table}" for table in KEYS]
    tolerant = replace(warehouse, variables=TOLERANT)
    return tolerant.dbt("build", "--select", *views, "--indirect-selection", "buildable").stdout


def staged(warehouse: Warehouse, placed: Mapping[tuple[str, int], Case]) -> dict[tuple[str, int], str | None]:
    """What the staging views make of each value."""
    found = {}
    for table, key_column in KEYS.items():
        columns = [column for column in STAGED if any((c.table, c.column) == (table, column) for c in CASES)]
        names = ", ".join([key_column, *(STAGED[column] for column in columns)])
        for key, *row in warehouse.query(f"select {names} from stg_pos__{table}"):
            if (table, key) in placed:
                found[table, key] = shown(row[columns.index(placed[table, key].column)])
    return found


def named(warehouse: Warehouse, test: str) -> set[tuple[str, str]]:
    """Columns and values that the tests of this name have found."""
    return {
        (row[1], row[3])
        for result in warehouse.artifact("run_results")["results"]
        if test in result["unique_id"]
        for row in warehouse.query(result["compiled_code"])
    }


def test_staging_of_a_text_source_has_the_verdict(servers: Endpoints, tmp_path: Path) -> None:
    warehouse = new_warehouse(servers, tmp_path, "test_values_text", "test_values_text_source")
    placed = written(tmp_path / "shop", CASES)
    imported(warehouse, tmp_path / "shop", "--as-text")
    printed = build_staging(warehouse)
    # --vars replaces what was given before, so the way out has all of it
    given = (
        "pos_schema: test_values_text_source, unreadable_values: missing, timestamp_precision: milliseconds"
    )
    assert f'way_out: dbt build --vars \'{{{given}, missing_words: ["no value", "it\\u0027s"]}}\'' in printed
    assert staged(warehouse, placed) == {place: case.published for place, case in placed.items()}
    unreadable = {(case.column, case.value[:200]) for case in CASES if case.verdict == UNREADABLE}
    assert named(warehouse, "source_values_are_readable") == unreadable
    placeholders = {case.column for case in CASES if case.verdict == PLACEHOLDER}
    assert {column for column, _ in named(warehouse, "source_dates_are_plausible")} == placeholders
    # in strict mode this fails for any value that MariaDB refuses
    for table in KEYS:
        warehouse.query(f"create table kept_{table} as select * from stg_pos__{table}")


def test_staging_of_a_typed_source_has_the_verdict(servers: Endpoints, tmp_path: Path) -> None:
    warehouse = new_warehouse(servers, tmp_path, "test_values_typed", "test_values_typed_source")
    placed = written(tmp_path / "shop", [case for case in CASES if not case.only_as_text])
    imported(warehouse, tmp_path / "shop")
    add_what_only_a_database_holds(warehouse, placed)
    build_staging(warehouse)
    assert staged(warehouse, placed) == {place: case.published for place, case in placed.items()}
    unreadable = {(case.column, case.value) for case in placed.values() if case.verdict == UNREADABLE}
    assert named(warehouse, "source_values_are_readable") == unreadable
    for table in KEYS:
        warehouse.query(f"create table kept_{table} as select * from stg_pos__{table}")


def add_what_only_a_database_holds(warehouse: Warehouse, placed: dict[tuple[str, int], Case]) -> None:
    """Zero dates, days that no calendar has, wider and unsigned numbers, in the typed tables."""
    source, key = warehouse.pos_schema, 1000
    statements = [
        "set sql_mode = 'ALLOW_INVALID_DATES'",
        f"alter table `{source}`.product modify currentPrice decimal(30, 4), modify id bigint unsigned",
    ]
    for table, column, value, verdict in (
        ("order", "datePlaced", "0000-00-00 00:00:00.000000", MISSING),
        ("order", "datePlaced", "2024-00-15 10:00:00.000000", UNREADABLE),
        ("order", "datePlaced", "2023-02-31 10:00:00.000000", UNREADABLE),
        ("customer", "birthdate", "0000-00-00", MISSING),
        ("customer", "birthdate", "2024-01-00", UNREADABLE),
        ("product", "currentPrice", "12345678901234567890.5000", UNREADABLE),
    ):
        key += 1
        statements.append(f"insert into `{source}`.`{table}` (id, {column}) values ({key}, '{value}')")
        placed[table, key] = Case(table, column, value, verdict)
    connection = warehouse.connect()
    try:
        for statement in statements:
            connection.cursor().execute(statement)
    finally:
        connection.close()
