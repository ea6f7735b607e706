"""The reconciliation tests of the reports find a cent, a unit or a row that went astray."""

import pytest

from tests.built import copied
from tests.warehouse import PROJECT, Warehouse

# What is done to a report, and the test that must notice.
HARM = {
    "update rpt_revenue_daily set revenue = revenue + 0.0001 where placed_on = '2023-01-05'": (
        "assert_revenue_by_time_is_all_revenue"
    ),
    "update rpt_revenue_by_city set total_units = total_units - 1 where city = 'HOUSTON'": (
        "assert_revenue_by_place_is_all_revenue"
    ),
    "delete from rpt_product_sales where product_id = -1": "assert_product_sales_are_all_sales",
    "delete from rpt_customer_segments where customer_id = 12": "assert_customer_segments_are_all_customers",
    "update rpt_new_returning_monthly set unknown_revenue = 0": "assert_new_and_returning_are_all_revenue",
    "update rpt_cohort_retention set count_customers = 0 where months_since_first_order = 0": (
        "assert_cohorts_are_all_customers_with_a_date"
    ),
    "update rpt_order_metrics_monthly set count_unshipped_orders = 0": "assert_order_metrics_are_all_orders",
    "update rpt_inventory set window_units = window_units + 1 where product_id = 20": (
        "assert_inventory_is_all_stock"
    ),
    "update rpt_product_pairs set count_product_orders = count_product_orders - 1 limit 1": (
        "assert_product_pairs_are_in_their_orders"
    ),
    "update rpt_source_profile set count_rows = count_rows + 1 where source_column = 'order.id'": (
        "assert_source_profile_is_all_rows"
    ),
    "delete from rpt_unusual_orders where order_id = 0": "assert_unusual_orders_are_all_of_them",
}


@pytest.fixture(scope="module")
def harmed(built_sample: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The sample with every kind of harm done to its reports, and their tests run on it."""
    warehouse = copied(built_sample, tmp_path_factory.mktemp("harmed_reports"), "test_harmed_reports")
    for sql in HARM:
        warehouse.query(sql)
    warehouse.dbt("test", "--select", "tests/dbt/reports", check=False)
    return warehouse


@pytest.mark.parametrize("sql", HARM)
def test_harm_is_noticed(sql: str, harmed: Warehouse) -> None:
    assert harmed.results()[HARM[sql]][0] == "fail"


def test_every_test_of_the_reports_is_tried() -> None:
    assert {path.stem for path in (PROJECT / "tests" / "dbt" / "reports").glob("*.sql")} == set(HARM.values())
