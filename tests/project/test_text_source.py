"""A source that is all text gives the same marts as a typed one; unreadable values are named."""

from datetime import datetime
from pathlib import Path

import pytest

from pos_sandbox.cluster import Endpoints
from tests.project.sources import create_source, sample_tables
from tests.warehouse import Row, Warehouse, new_warehouse

MARTS = ("dim_customers", "dim_products", "fct_orders", "fct_order_lines", "fct_product_purchases")
UNREADABLE = {
    ("customer", "birthdate"): "2/30/1999",
    ("customer", "zip"): "7" * 65,
    ("customer", "phone"): "0" * 129,
    ("product", "currentPrice"): "42,99",
    ("product", "availableQuantity"): "many",
    ("order", "datePlaced"): "31.12.2023",
    ("order", "dateShipped"): "lost",
    ("order", "customer_id"): "12.5",
    ("orderline", "quantity"): "1,2,3",
}


def mart_rows(warehouse: Warehouse, mart: str) -> list[Row]:
    """All rows of a mart in key order, without the number of source rows, which rightly differs."""
    columns = warehouse.query(
        "select column_name from information_schema.columns "
        f"where table_schema = '{warehouse.schema}' and table_name = '{mart}' "
        "and column_name <> 'count_source_rows' order by ordinal_position"
    )
    names = ", ".join(name for (name,) in columns)
    return warehouse.query(f"select {names} from {mart} order by 1, 2, 3")


@pytest.mark.parametrize("mart", MARTS)
def test_text_source_gives_the_marts_of_the_typed_source(
    mart: str, sample_warehouse: Warehouse, text_warehouse: Warehouse
) -> None:
    expected = mart_rows(sample_warehouse, mart)
    assert expected
    assert mart_rows(text_warehouse, mart) == expected


def test_text_source_has_a_freshness(text_warehouse: Warehouse) -> None:
    text_warehouse.dbt("source", "freshness", "--select", "source:pos", check=False)
    (result,) = text_warehouse.artifact("sources")["results"]
    ((newest,),) = text_warehouse.query("select max(placed_at) from fct_orders")
    assert datetime.fromisoformat(result["max_loaded_at"]).replace(tzinfo=None) == newest


def test_unreadable_values_are_named_and_hold_back_the_marts(servers: Endpoints, tmp_path: Path) -> None:
    warehouse = new_warehouse(servers, tmp_path, "test_unreadable", pos_schema="test_unreadable_source")
    create_source(warehouse, {name: rows[:3] for name, rows in sample_tables().items()}, typed=False)
    for (table, column), value in UNREADABLE.items():
        warehouse.query(f"update test_unreadable_source.`{table}` set `{column}` = '{value}' limit 1")
    assert warehouse.dbt("build", check=False).returncode == 1

    assert {warehouse.results()[mart][0] for mart in MARTS} == {"skipped"}
    found = {
        (table, column): value
        for result in warehouse.artifact("run_results")["results"]
        if "source_values_are_readable" in result["unique_id"]
        for table, column, _, value, _ in warehouse.query(result["compiled_code"])
    }
    assert found == UNREADABLE
