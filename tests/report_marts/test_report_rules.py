"""What holds for the reports' SQL and vars, whatever the data."""

import dataclasses
import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.warehouse import PROJECT, Warehouse

SQL = sorted((PROJECT / "models").rglob("*.sql"))
OUT_OF_BOUNDS: dict[str, object] = {
    "pairs_top_products": 1,
    "pairs_minimum_orders": 0,
    "inventory_window_days": "ninety",
    "low_cover_days": -1,
    "abc_class_a_share": 1.5,
    "abc_class_b_share": True,
    "unusual_order_total": None,
    "unusual_quantity": "10; drop table x",
}


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.stem)
def test_no_window_is_empty(path: Path) -> None:
    # MariaDB 10.11: beside windows in two other orders an empty one makes their ranks wrong, silently.
    assert not re.search(r"\bover\s*\(\s*\)", path.read_text())


@pytest.mark.parametrize(("name", "value"), OUT_OF_BOUNDS.items())
def test_a_var_out_of_its_bounds_is_named(
    name: str, value: object, sample_warehouse: Warehouse, tmp_path: Path
) -> None:
    apart = dataclasses.replace(sample_warehouse, target_path=tmp_path)
    *command, _ = apart.dbt_command("compile", "--select", "models/marts/reports")
    finished = subprocess.run(
        [*command, json.dumps({name: value})],
        cwd=PROJECT,
        env=apart.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode != 0
    assert re.search(
        rf"the var {name} is '{re.escape(str(value))}'; give a number from \S+ to \S+", finished.stdout
    )


def test_bounds_that_do_not_grow_are_named(sample_warehouse: Warehouse, tmp_path: Path) -> None:
    for bounds in ([2, 3, 3, 10], 7):
        apart = dataclasses.replace(
            sample_warehouse, target_path=tmp_path, variables={"frequency_score_orders": bounds}
        )
        finished = apart.dbt("compile", "--select", "rpt_customer_segments", check=False)
        assert f"the var frequency_score_orders is '{bounds}'; give 4 whole numbers" in finished.stdout


def test_every_bounded_var_is_tried() -> None:
    reports = (PROJECT / "models" / "marts" / "reports").glob("*.sql")
    used = {name for path in reports for name in re.findall(r"number_var\('(\w+)'", path.read_text())}
    assert used == set(OUT_OF_BOUNDS)
