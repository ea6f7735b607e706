"""Tiny shops of any shape without a dbt build: the project's own SQL, compiled for the sample, on other rows.

A page of such a shop is what `pos-loader report` would write of it, marts, figures and words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any

from pos_loader.report import page as pages
from pos_loader.report.read import read
from pos_loader.report.read.figures import Figures
from pos_loader.report.read.health import Health
from pos_loader.report.read.read import Mart
from pos_loader.servers.mariadb import connect
from pos_loader.servers.profile import MariaDB
from tests.project.sources import HEADERS, column_type
from tests.report.reading import Page
from tests.report_marts.shop import Shop, open_shop
from tests.warehouse import Row, Warehouse

NO_HEALTH = Health(None, "no results", "", None, "no load", (), "", (), "MongoDB does not answer")
"""Nothing is known of a build or a load."""


@dataclass(frozen=True)
class Till:
    """What a shop's source holds; columns as in the POS schema, of customers the ones that a page shows."""

    products: Sequence[tuple[int, str | None, str | None, int | None]] = ()
    customers: Sequence[tuple[int, str | None, str | None, str | None]] = ()
    """Key, first name, last name, postal code."""
    orders: Sequence[tuple[int, str | None, str | None, int | None]] = ()
    lines: Sequence[tuple[int, int, int | None]] = ()
    cities: Sequence[tuple[str, str | None, str | None]] = ()

    @property
    def tables(self) -> dict[str, list[Row]]:
        """The rows of the five source tables."""
        return {
            "product": list(self.products),
            "city": list(self.cities),
            "customer": [
                (key, first, last, None, None, None, None, None, code)
                for key, first, last, code in self.customers
            ],
            "order": list(self.orders),
            "orderline": list(self.lines),
        }

    @cached_property
    def shop(self) -> Shop:
        """The same in plain Python, as the report marts are recomputed from it."""
        return open_shop(self.tables)


@dataclass(frozen=True)
class Built:
    """A till's marts in a schema of their own."""

    till: Till
    warehouse: Warehouse
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Columns of each report mart."""
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Its primary key."""

    @cached_property
    def figures(self) -> Figures:
        """What the page is made from."""
        return read_figures(self.warehouse)[0]

    @cached_property
    def html(self) -> str:
        """The page."""
        return render(self.figures, marts_of(self.warehouse))

    @cached_property
    def page(self) -> Page:
        """The page, parsed."""
        return Page.of(self.html)


def build(sample: Warehouse, schema: str, till: Till) -> Built:
    """Make a till's marts in an empty schema, in the order of dbt, with the types of their contracts."""
    warehouse = replace(sample, schema=schema)
    for name, header in HEADERS.items():
        columns = ", ".join(f"`{column}` {column_type(column)}" for column in header)
        warehouse.query(f"create table pos_{name} ({columns})")
        if till.tables[name]:
            marks = ", ".join(["%s"] * len(header))
            warehouse.query(f"insert into pos_{name} values ({marks})", till.tables[name])
    nodes = sample.artifact("manifest")["nodes"]
    for node in _in_order(nodes):
        for statement in _statements(node):
            warehouse.query(statement.replace(f"`{sample.schema}`", f"`{schema}`"))
    reports = [node for node in nodes.values() if _is_report(node)]
    return Built(
        till,
        warehouse,
        columns={node["name"]: tuple(node["columns"]) for node in reports},
        keys={node["name"]: tuple(node["config"]["primary_key"]) for node in reports},
    )


def _is_report(node: Mapping[str, Any]) -> bool:
    return bool(node["resource_type"] == "model" and node["name"].startswith("rpt_"))


def _in_order(nodes: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    made = {key: node for key, node in nodes.items() if node["resource_type"] in ("model", "snapshot")}
    graph = {key: set(node["depends_on"]["nodes"]) & set(made) for key, node in made.items()}
    return (made[key] for key in TopologicalSorter(graph).static_order())


def _statements(node: Mapping[str, Any]) -> Iterable[str]:
    """Returns the SQL that makes a node: a view, a first snapshot, or a table as its contract says."""
    name, sql, key = node["alias"], node["compiled_code"], node["config"].get("primary_key")
    if node["resource_type"] == "snapshot":
        columns = "cast('2020-01-01' as datetime(6)) as dbt_valid_from, cast(null as datetime(6))"
        return [f"create table `{name}` as select *, {columns} as dbt_valid_to from ({sql}) as first"]
    if node["config"]["materialized"] == "view":
        return [f"create view `{name}` as {sql}"]
    typed = all(column.get("data_type") for column in node["columns"].values()) and node["columns"]
    if not typed:
        return [f"create table `{name}` as {sql}"]
    columns = ", ".join(f"`{column}` {each['data_type']}" for column, each in node["columns"].items())
    keys = f", primary key ({', '.join(key)})" if key else ""
    named = ", ".join(f"`{column}`" for column in node["columns"])
    return [
        f"create table `{name}` ({columns}{keys}) charset utf8mb4 collate utf8mb4_unicode_ci",
        f"insert into `{name}` ({named}) select {named} from ({sql}) as made",
    ]


def marts_of(warehouse: Warehouse) -> dict[str, Mart]:
    """The marts of the page, without descriptions."""
    return {name: Mart(name, f"`{warehouse.schema}`.`{name}`", "") for name in read.MARTS}


def read_figures(warehouse: Warehouse) -> tuple[Figures, int]:
    """The figures of a schema's marts, and how many queries they took."""
    taken = 0

    def step() -> None:
        nonlocal taken
        taken += 1

    server = MariaDB(warehouse.host, warehouse.port, warehouse.user, warehouse.password, warehouse.schema)
    with connect(server) as queries:
        return read.read_figures(queries, marts_of(warehouse), step), taken


def render(found: Figures, marts: Mapping[str, Mart], health: Health = NO_HEALTH) -> str:
    """The page of some figures."""
    sections = pages.sections_of(found, health)
    drawn = pages.drawings(list(pages.charts_of(sections)), lambda: None)
    return pages.render(
        found, sections, drawn, marts, schema="shop", made_at=datetime(2026, 1, 2, tzinfo=UTC)
    )
