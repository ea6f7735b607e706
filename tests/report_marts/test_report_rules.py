"""What holds for the reports' SQL and vars, whatever the data."""

import dataclasses
import re
from pathlib import Path

import pytest

from pos_sandbox.cluster import Endpoints
from tests.warehouse import PROJECT, Warehouse, new_warehouse

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
BOUNDED = "rpt_product_pairs", "rpt_inventory", "rpt_product_sales", "rpt_unusual_orders"
"""The models that read them, each two."""


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.stem)
def test_no_window_is_empty(path: Path) -> None:
    # MariaDB 10.11: beside windows in two other orders an empty one makes their ranks wrong, silently.
    assert not re.search(r"\bover\s*\(\s*\)", path.read_text())


@pytest.fixture(scope="module")
def refused(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What dbt prints of vars out of their bounds, in two runs: a model names the first that it reads."""
    warehouse = new_warehouse(servers, tmp_path_factory.mktemp("bounds"), "test_bounds")
    printed = []
    for start in (0, 1):
        values = dict([*OUT_OF_BOUNDS.items()][start::2])
        finished = dataclasses.replace(warehouse, variables=values).dbt(
            "run", "--select", *BOUNDED, check=False
        )
        assert f"WARN=0 ERROR={len(BOUNDED)} SKIP=0" in finished.stdout
        printed.append(finished.stdout)
    return "".join(printed)


@pytest.mark.parametrize(("name", "value"), OUT_OF_BOUNDS.items())
def test_a_var_out_of_its_bounds_is_named(name: str, value: object, refused: str) -> None:
    assert re.search(rf"the var {name} is '{re.escape(str(value))}'; give a number from \S+ to \S+", refused)


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
