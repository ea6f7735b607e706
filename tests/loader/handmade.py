"""Marts made by hand, with the manifest dbt would write for them: shapes and values the sample has not."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pos_loader.servers.mariadb import quote
from tests.loader.manifests import Manifest, model, write_changed
from tests.loader.running import Loader
from tests.warehouse import Warehouse

NAME = "handmade"


@dataclass(frozen=True)
class Mart:
    """One model: its contract, its key, its rows (tuples of column values), or the query that makes them."""

    columns: Mapping[str, str]
    key: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]] = ()
    query: str = ""
    table_types: Mapping[str, str] | None = None
    """Columns whose type in MariaDB is not the contract's."""

    def create(self, warehouse: Warehouse, name: str) -> None:
        """Make and fill the table."""
        types = {**self.columns, **(self.table_types or {})}
        columns = ", ".join(f"{quote(column)} {kind}" for column, kind in types.items())
        keys = ", ".join(map(quote, self.key))
        name = quote(name)
        charset = "charset utf8mb4 collate utf8mb4_unicode_ci"
        warehouse.query(f"create or replace table {name} ({columns}, primary key ({keys})) {charset}")
        if self.rows:
            places = ", ".join(["%s"] * len(self.columns))
            warehouse.query(f"insert into {name} values ({places})", self.rows)
        if self.query:
            warehouse.query(f"insert into {name} {self.query}")

    def node(self, template: Manifest, name: str, schema: str) -> Manifest:
        """The model as it stands in a manifest."""
        node = copy.deepcopy(template)
        node |= {"unique_id": f"model.pos.{name}", "name": name, "alias": name, "schema": schema}
        node["config"] |= {"primary_key": list(self.key)}
        node["columns"] = {
            column: {"name": column, "data_type": kind.partition(" character")[0]}
            for column, kind in self.columns.items()
        }
        return node


def publishable(loader: Loader, manifest: Manifest, marts: Mapping[str, Mart], mongo: Manifest) -> Loader:
    """Make the marts in the loader's schema and return a loader of one collection, `handmade`."""
    warehouse = loader.warehouse
    for name, mart in marts.items():
        mart.create(warehouse, name)

    def change(content: Manifest) -> None:
        template = model(content, "dim_customers")
        nodes = [mart.node(template, name, warehouse.schema) for name, mart in marts.items()]
        exposure = copy.deepcopy(content["exposures"]["exposure.pos.customer_order_history"])
        exposure |= {"name": NAME, "unique_id": f"exposure.pos.{NAME}", "meta": {"mongo": mongo}}
        exposure["depends_on"]["nodes"] = [node["unique_id"] for node in nodes]
        content["nodes"] = {node["unique_id"]: node for node in nodes}
        content["exposures"] = {exposure["unique_id"]: exposure}

    write_changed(manifest, change, warehouse.target_path)
    return loader


def with_manifest(loader: Loader, folder: Path) -> Loader:
    """The same loader reading its artifacts in another folder."""
    return replace(loader, warehouse=replace(loader.warehouse, target_path=folder))
