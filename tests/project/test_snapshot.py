"""Prices change, products disappear and return, and orders keep the price of their day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from pos_sandbox.cluster import Endpoints
from tests.project.sources import create_source
from tests.warehouse import Row, Warehouse, new_warehouse

SOURCE = "test_prices_source"
LONG_AGO = datetime(2020, 1, 1)
LATER = (datetime.now(UTC) + timedelta(days=1)).replace(tzinfo=None)


def build(warehouse: Warehouse) -> None:
    warehouse.dbt(
        "build", "--select", "+fct_order_lines", "--resource-type", "model", "--resource-type", "snapshot"
    )


def history(warehouse: Warehouse, product: int) -> list[Row]:
    return warehouse.query(
        "select current_price, dbt_valid_from, dbt_valid_to "
        f"from product_prices__{SOURCE} where product_id = {product} order by dbt_valid_from"
    )


def prices(warehouse: Warehouse) -> dict[tuple[int, int], tuple[Decimal, int]]:
    """Unit price and is_known_product of each line by order and product."""
    rows = warehouse.query("select order_id, product_id, unit_price, is_known_product from fct_order_lines")
    return {(order, product): (price, known) for order, product, price, known in rows}


def test_orders_keep_the_price_of_their_day(servers: Endpoints, tmp_path: Path) -> None:
    warehouse = new_warehouse(servers, tmp_path, "test_prices", pos_schema=SOURCE)
    tables: dict[str, list[Row]] = {
        "product": [(1, "Lamp", Decimal("10"), 5), (2, "Rug", Decimal("20"), 5)],
        "order": [(1, LONG_AGO, None, None), (2, LATER, None, None), (3, None, None, None)],
        "orderline": [(1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 1), (3, 1, 1), (4, 1, 1)],
    }
    create_source(warehouse, tables, typed=True)
    build(warehouse)
    warehouse.query(f"update {SOURCE}.product set currentPrice = 12.5 where id = 1")
    warehouse.query(f"delete from {SOURCE}.product where id = 2")
    build(warehouse)

    (old, new), (gone,) = history(warehouse, 1), history(warehouse, 2)
    assert (old[0], new[0], new[2]) == (Decimal("10"), Decimal("12.5"), None)
    assert old[2] == new[1] == gone[2]
    assert any(moment.microsecond for moment in (old[1], old[2]))
    assert prices(warehouse) == {
        (1, 1): (Decimal("10"), 1),
        (1, 2): (Decimal("20"), 0),  # deleted, yet its history stands
        (2, 1): (Decimal("12.5"), 1),
        (2, 2): (Decimal("20"), 0),
        (3, 1): (Decimal("10"), 1),  # no date: the earliest price
        (4, 1): (Decimal("12.5"), 1),  # unknown order: the newest price
    }

    warehouse.query(f"insert into {SOURCE}.product values (2, 'Rug', 25, 5)")
    build(warehouse)
    (gone_again, back) = history(warehouse, 2)
    assert gone_again == gone
    assert (back[0], back[2]) == (Decimal("25"), None)
    found = prices(warehouse)
    assert (found[1, 2], found[2, 2]) == ((Decimal("20"), 1), (Decimal("25"), 1))
    warehouse.dbt("test", "--select", "assert_lines_have_a_known_price")
