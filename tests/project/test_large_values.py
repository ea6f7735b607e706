"""Order lines that marts cannot hold are named before MariaDB refuses a mart; stock may be any BIGINT."""

from dataclasses import replace
from decimal import Decimal, localcontext

import pytest

from pos_sandbox.cluster import Endpoints
from tests.project.sources import create_source
from tests.warehouse import Row, Warehouse, new_warehouse

MOST, DEAREST = 9223372036854775807, Decimal("99999999999999.9999")
PLAIN: dict[str, list[Row]] = {
    "product": [(1, "Yacht", DEAREST, MOST), (2, "Pen", Decimal("0.0001"), 1), (3, "Gift", None, None)],
    "customer": [(1, *[None] * 8)],
    "order": [(1, "2024-01-31", None, 1), (2, "2024-01-31", None, 1)],
    "orderline": [(1, 1, 9), (1, 2, -1), (2, 3, 1), (2, 404, 1)],
}
NAME = "assert_amounts_and_units_fit"
LINES: dict[str, tuple[list[Row], list[Row]]] = {
    "a line": ([(2, 1, -20)], [(2, 1)]),
    "repeated lines": ([(2, 1, 1)] * 11, [(2, 1)]),
    "a sum of lines": ([(2, 1, 8)], [(1, 1)]),
    "units": ([(2, 2, MOST)], [(2, 2)]),
    "units without a price": ([(2, 3, MOST), (1, 3, -MOST - 1)], [(1, 3), (2, 3)]),
}
"""More lines, and the orders and products that are named for them."""


@pytest.fixture(scope="module")
def shop(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder = tmp_path_factory.mktemp("large")
    warehouse = new_warehouse(servers, folder, "test_large_values", "test_large_values_source")
    create_source(warehouse, PLAIN, typed=True)
    warehouse.dbt(
        "build", "--resource-type", "model", "--resource-type", "snapshot", "--select", "+rpt_inventory"
    )
    warehouse.dbt("test", "--select", NAME)
    return warehouse


def test_what_just_fits_is_built(shop: Warehouse) -> None:
    assert found(shop) == []
    (row,) = shop.query("select stock_value, days_of_cover from rpt_inventory where product_id = 1")
    with localcontext(prec=60):
        assert row[0] == MOST * DEAREST
        assert row[1] > 10**18


def test_lines_that_do_not_fit_are_named_and_nothing_is_built_on_them(shop: Warehouse) -> None:
    source = replace(shop, schema=shop.pos_schema)
    output = {}
    for name, (lines, _) in LINES.items():
        source.query("delete from orderline")
        source.query("insert into orderline values (%s, %s, %s)", PLAIN["orderline"] + lines)
        output[name] = found(shop)
    assert output == {name: expected for name, (_, expected) in LINES.items()}
    built = shop.dbt(
        "build", "--indirect-selection", "empty", "--select", NAME, "fct_order_lines", check=False
    )
    assert f"FAIL 2 {NAME}" in built.stdout
    assert "product_id=3, units=9223372036854775808" in built.stdout
    assert shop.results()["fct_order_lines"][0] == "skipped"


def found(shop: Warehouse) -> list[Row]:
    """The orders and products that the test finds."""
    (test,) = (each for each in shop.artifact("run_results")["results"] if NAME in each["unique_id"])
    return sorted((order, product) for order, product, *_ in shop.query(test["compiled_code"]))
