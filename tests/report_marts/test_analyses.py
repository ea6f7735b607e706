"""The three SQL queries of analyses/ give the answers that plain Python works out."""

import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pos_loader.queries.declared import read_queries
from tests.report_marts.conftest import DataSet
from tests.report_marts.shop import Shop
from tests.warehouse import PROJECT

CUSTOMER = 1


def customers_with_their_city(shop: Shop) -> list[tuple[Any, ...]]:
    return [
        (key, each.first_name, each.last_name, each.city, each.state)
        for key, each in sorted(shop.customers.items())
    ]


def orders_with_total_and_ship_date(shop: Shop) -> list[tuple[Any, ...]]:
    return [(key, each.placed, each.shipped, each.total) for key, each in sorted(shop.orders.items())]


def products_bought_by_a_customer(shop: Shop) -> list[tuple[Any, ...]]:
    bought: dict[int, list[tuple[int, Decimal]]] = {}
    for order in shop.orders_of.get(CUSTOMER, []):
        for line in order.lines:
            if line.product in shop.products:
                bought.setdefault(line.product, []).append((line.quantity, line.amount))
    return [
        (key, shop.products[key].name, *map(sum, zip(*found, strict=True)))
        for key, found in sorted(bought.items())
    ]


ANSWERS = {
    answer.__name__: answer
    for answer in (
        customers_with_their_city,
        orders_with_total_and_ship_date,
        products_bought_by_a_customer,
    )
}


@pytest.fixture(scope="module")
def compiled(data_set: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiled analyses."""
    apart = dataclasses.replace(data_set.warehouse, target_path=tmp_path_factory.mktemp("analyses"))
    apart.dbt("compile", "--select", "resource_type:analysis")
    return apart.target_path / "compiled" / "pos" / "analyses"


@pytest.mark.parametrize("name", ANSWERS)
def test_analysis_gives_the_answer(name: str, compiled: Path, data_set: DataSet) -> None:
    rows = data_set.warehouse.query((compiled / f"{name}.sql").read_text())
    expected = ANSWERS[name](data_set.shop)
    width = len(expected[0]) if expected else None
    assert [row[:width] for row in rows] == expected


def test_every_analysis_is_tried() -> None:
    asked = {query.sql for query in read_queries(PROJECT).values()}  # compared in tests/queries
    assert {path.stem for path in (PROJECT / "analyses").glob("*.sql")} == asked | set(ANSWERS)
