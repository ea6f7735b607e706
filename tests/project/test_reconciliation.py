"""The reconciliation tests find a cent, a unit or a row that went astray."""

from pathlib import Path

import pytest

from tests.built import copied
from tests.project import test_large_values
from tests.warehouse import Warehouse

# What is done to a mart, and the tests that must notice.
HARM = {
    "update fct_order_lines set line_total = line_total + 0.0001 where order_id = 0 and line_number = 1": {
        "assert_line_totals_are_quantity_times_price",
        "assert_orders_are_the_sum_of_their_lines",
        "assert_products_are_the_sum_of_their_lines",
    },
    "update fct_product_purchases set quantity = quantity + 1 limit 1": {
        "assert_purchases_and_unplaced_lines_are_all_lines",
    },
    "update fct_order_lines set unit_price = 7, line_total = 7 * quantity where order_id = 888888": {
        "assert_lines_have_a_known_price",
    },
    "delete from fct_order_lines where customer_id = -1 and order_id = -1": {
        "assert_every_source_line_is_in_a_line",
    },
    "update dim_customers set lifetime_revenue = lifetime_revenue - 0.0001 where customer_id = 0": {
        "assert_customers_are_the_sum_of_their_orders",
    },
    "delete from dim_customers where customer_id = 12": {"assert_every_source_row_is_in_a_mart"},
    "update fct_orders set shipped_at = placed_at - interval 1 day where order_id = 0": {
        "assert_orders_ship_after_they_are_placed",
    },
    "update fct_orders set placed_at = utc_timestamp() + interval 2 day where order_id = 1": {
        "assert_orders_are_not_of_the_future",
    },
    "update pos_customer set id = -1 where id = 8": {"assert_no_source_key_is_the_unknown_member"},
}
WARNINGS = {"assert_orders_ship_after_they_are_placed", "assert_orders_are_not_of_the_future"}


@pytest.fixture(scope="module")
def harmed(built_sample: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The sample with every kind of harm done to it, and the singular tests run on it."""
    warehouse = copied(built_sample, tmp_path_factory.mktemp("harmed"), "test_harmed")
    for sql in HARM:
        warehouse.query(sql)
    warehouse.dbt("test", "--select", "test_type:singular", check=False)
    return warehouse


@pytest.mark.parametrize("sql", HARM)
def test_harm_is_noticed(sql: str, harmed: Warehouse) -> None:
    results = harmed.results()
    assert {name: results[name][0] for name in HARM[sql]} == {
        name: "warn" if name in WARNINGS else "fail" for name in HARM[sql]
    }


def test_every_singular_test_is_tried() -> None:
    tests = {path.stem for path in (Path(__file__).parents[1] / "dbt").glob("*.sql")}
    assert set().union(*HARM.values()) | {test_large_values.NAME} == tests
