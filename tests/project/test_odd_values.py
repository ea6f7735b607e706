"""Tests warn of odd values, name their rows and stop nothing; missing values are no fault."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pos_sandbox.cluster import Endpoints
from tests.project.sources import create_source, sample_tables
from tests.warehouse import Row, Warehouse, new_warehouse

MODELS_AND_TESTS = (
    "build",
    "--resource-type",
    "model",
    "--resource-type",
    "snapshot",
    "--resource-type",
    "test",
)
Tables = dict[str, list[Row]]
ODD = (
    "update product set currentPrice = -5 where id = 7",
    "update product set currentPrice = 0 where id = 9",
    "update product set availableQuantity = -3 where id = 10",
    "update orderline set quantity = -quantity where order_id = 30",
    "update `order` set dateShipped = '2020-01-01' where id in (31, 32)",
    "update `order` set datePlaced = '2151-02-03 04:05:06', dateShipped = null where id = 40",
    "update customer set email = 'kept.secret@example.org', phone = '555-0199' where id in (12, 13)",
)
WARNINGS = {
    "accepted_range_dim_products_current_price__0": "dim_products: product_id=7, current_price=-5.0000",
    "assert_orders_are_not_of_the_future": 'fct_orders: order_id=40, placed_at="2151-02-03 04:05:06.000000"',
    "assert_orders_ship_after_they_are_placed": "fct_orders: order_id=31, placed_at=",
}


def new_shop(servers: Endpoints, folder: Path, tables: Tables) -> Warehouse:
    """A shop with typed tables, not yet built."""
    warehouse = new_warehouse(servers, folder, "test_odd_values", "test_odd_values_source")
    create_source(warehouse, tables, typed=True)
    return warehouse


def test_odd_values_warn_name_their_rows_and_stop_nothing(servers: Endpoints, tmp_path: Path) -> None:
    shop = new_shop(servers, tmp_path, sample_tables())
    for sql in ODD:
        replace(shop, schema=shop.pos_schema).query(sql)
    output = shop.dbt(*MODELS_AND_TESTS).stdout
    statuses = {name: status for name, (status, _) in shop.results().items()}
    assert {name for name, status in statuses.items() if status == "warn"} == {*WARNINGS}
    assert {*statuses.values()} == {"success", "pass", "warn"}
    for line in WARNINGS.values():
        assert f"  {line}" in output
    assert "secret" not in output
    assert shop.query("select current_price from dim_products where product_id = 7") == [(-5,)]
    strict = replace(shop, variables={"odd_values": "error"})
    assert strict.dbt("test", "--select", *WARNINGS, check=False).returncode == 1
    assert {status for status, _ in shop.results().values()} == {"fail"}


def bare(tables: Tables) -> Tables:
    """No customers, no cities, no dates."""
    undated = [(key, None, None, customer) for key, _, _, customer in tables["order"]]
    return {**tables, "customer": [], "city": [], "order": undated}


def undated(tables: Tables) -> Tables:
    """No dates."""
    return {**tables, "order": [(key, None, None, customer) for key, _, _, customer in tables["order"]]}


@pytest.mark.parametrize("change", [bare, undated, lambda _: {}], ids=["bare", "undated", "empty"])
def test_what_is_missing_is_no_fault(
    change: Callable[[Tables], Tables], servers: Endpoints, tmp_path: Path
) -> None:
    shop = new_shop(servers, tmp_path, change(sample_tables()))
    shop.dbt(*MODELS_AND_TESTS)
    assert {status for status, _ in shop.results().values()} == {"success", "pass"}
    segments = {segment for (segment,) in shop.query("select segment from rpt_customer_segments")}
    assert segments <= {"Undated", "Never ordered"}
