"""Every declared collection of the sample, published once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from pos_loader.queries.declared import Query, read_queries
from pos_sandbox.cluster import Endpoints
from tests.loader.running import Documents, Loader, connect
from tests.warehouse import PROJECT, Warehouse

QUERIES: Mapping[str, Query] = read_queries(PROJECT)


@dataclass(frozen=True)
class Published:
    """A load of all collections, and its database."""

    loader: Loader
    documents: Documents
    load: Any

    def answer(self, name: str, values: Mapping[str, object], *options: str) -> Any:
        """Run a query with the values that it accepts, as `--json` unless other options are given."""
        words = [
            word
            for each in QUERIES[name].parameters
            if each.name in values
            for word in (each.option, str(values[each.name]))
        ]
        return self.loader.invoke("query", name, *words, *(options or ("--json",)))


@pytest.fixture(scope="package")
def published(sample_warehouse: Warehouse, cluster: Endpoints) -> Iterator[Published]:
    loader = Loader(sample_warehouse, cluster.mongo_uri, f"test_{uuid.uuid4().hex[:12]}", select=())
    with connect(cluster.mongo_uri) as client:
        try:
            load = loader.done("load", "--json").json
            yield Published(loader, client[loader.database], load)
        finally:
            client.drop_database(loader.database)
