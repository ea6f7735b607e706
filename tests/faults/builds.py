"""Two builds of one shop, A and B. B's source has changed, so there is always something to publish."""

from __future__ import annotations

from pathlib import Path

from pos_sandbox.cluster import Endpoints
from tests.built import built_once, copied
from tests.project.sources import HEADERS, create_source, sample_tables
from tests.warehouse import Row, Warehouse, new_warehouse

MOVED, GONE, NEW = range(15, 60, 4), (11, 12, 13, 14), (9001, 9002, 9003)
"""Customers of B who moved to another zip, left, and came."""


def moved_on() -> dict[str, list[Row]]:
    """The sample's tables later on: some customers moved, some left, some are new; a quantity changed."""
    tables = sample_tables()
    zips = [zip_ for zip_, *_ in tables["city"]]
    place = HEADERS["customer"].index("zip")
    stayed = [row for row in tables["customer"] if row[0] not in GONE]
    tables["customer"] = [
        (*row[:place], zips[number % len(zips)], *row[place + 1 :]) if row[0] in MOVED else row
        for number, row in enumerate(stayed)
    ] + [(key, *stayed[1][1:]) for key in NEW]
    order, product, quantity = tables["orderline"][0]
    tables["orderline"][0] = (order, product, int(quantity) + 1)
    return tables


def sample_build(servers: Endpoints, folder: Path, schema: str) -> Warehouse:
    """Build and test A: the sample as it is."""
    warehouse = new_warehouse(servers, folder, schema)
    warehouse.dbt("build")
    return warehouse


def moved_on_build(servers: Endpoints, folder: Path, schema: str) -> Warehouse:
    """Build and test B, in a schema and from a source of its own."""
    warehouse = new_warehouse(servers, folder, schema, f"{schema}_source")
    _build_moved_on(warehouse)
    return warehouse


def moved_on_copy(servers: Endpoints, folder: Path, schema: str) -> Warehouse:
    """Copy B and its source; the first process of the test session that asks builds and tests B."""
    built = built_once(servers, "moved_on", _build_moved_on, has_source=True)
    return copied(built, folder, schema, f"{schema}_source")


def _build_moved_on(warehouse: Warehouse) -> None:
    create_source(warehouse, moved_on(), typed=True)
    warehouse.dbt("build")
