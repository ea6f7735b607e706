"""A small shop with marts made by hand, which tests change without a dbt build."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pos_sandbox.cluster import Endpoints
from tests.loader.handmade import NAME, Mart, publishable
from tests.loader.manifests import Change, Manifest, write_changed
from tests.loader.running import Documents, Finished, Loader, connect, mark_end
from tests.warehouse import new_warehouse

STORES = Mart(
    {"store_id": "bigint", "state": "varchar(2)", "city": "varchar(20)", "revenue": "decimal(19,4)"},
    ("store_id",),
    query="select seq, elt(seq % 5 + 1, 'CA', 'NY', 'TX', 'WA', null), concat('City ', seq), seq * 1.2345 "
    "from seq_1_to_200",
)
SALES = Mart(
    {"store_id": "bigint", "sale_id": "bigint", "amount": "decimal(19,4)"},
    ("store_id", "sale_id"),
    query="select stores.seq, sales.seq, stores.seq + sales.seq from seq_1_to_200 stores, seq_1_to_3 sales",
)
MARTS = {"stores": STORES, "sales": SALES}
BY_ID: Manifest = {"_id": "hashed"}
BY_STATE: Manifest = {"state": 1, "_id": 1}
COUNTS = "insert", "replace", "delete", "unchanged"
WRITTEN = "inserted", "replaced", "deleted", "unchanged"


@dataclass(frozen=True)
class Shop:
    """The collection `handmade` of stores with their sales, and a loader of it that asks for no gate."""

    loader: Loader
    manifest: Manifest
    documents: Documents
    declared: Manifest = field(default_factory=dict)

    def declare(self, **changes: Any) -> None:
        """Change the declaration: write another manifest."""
        self.declared.update(changes)
        self.change_manifest(
            lambda content: content["exposures"][f"exposure.pos.{NAME}"]["meta"].update(mongo=self.declared)
        )

    def change_manifest(self, change: Change) -> None:
        """Change anything of the manifest."""
        folder = self.loader.warehouse.target_path
        write_changed(json.loads((folder / "manifest.json").read_text()), change, folder)

    def sql(self, statement: str) -> list[Any]:
        """Change or ask the marts."""
        return self.loader.warehouse.query(statement)

    def load(self, *options: str) -> Any:
        """Load and return the collection's part of the results; a load that fails fails the test."""
        finished = self.loader.done("load", "--no-gate", "--json", *options)
        (found,) = finished.json["collections"]
        return found

    def loader_results(self) -> Any:
        """What the last load left in its results file."""
        return json.loads(self.loader.results.read_text())

    def refused(self, *options: str, code: int) -> str:
        """Run a load that must fail with `code`; return its one line."""
        finished = self.loader.run("load", "--no-gate", "--quiet", *options)
        assert finished.code == code, finished
        return finished.error

    def plan(self, *options: str) -> Any:
        """Plan and return the collection's part."""
        finished: Finished = self.loader.run("plan", "--no-gate", "--quiet", "--json", *options)
        assert finished.code == (0 if finished.json["in_step"] else 2), finished
        (found,) = finished.json["collections"]
        return found

    def planned_load(self, *options: str) -> Any:
        """Plan, load, and compare the two."""
        plan, load = self.plan(*options), self.load(*options)
        assert [plan[name] for name in COUNTS] == [load[name] for name in WRITTEN]
        assert plan["mode"] == load["mode"]
        return load

    @contextmanager
    def watched(self, namespace: str = NAME) -> Iterator[list[tuple[str, Any]]]:
        """Collect every change of a collection during the block: what was done, and to which `_id`."""
        found: list[tuple[str, Any]] = []
        with self.documents.watch() as stream:
            yield found
            end = mark_end(self.documents)
            for change in stream:
                key = change.get("documentKey", {}).get("_id")
                if key == end:
                    return
                if change["ns"]["coll"] == namespace:
                    found.append((change["operationType"], key))


@contextmanager
def shop(
    servers: Endpoints,
    manifest: Manifest,
    folder: Path,
    name: str,
    *,
    marts: Mapping[str, Mart] = MARTS,
    **declared: Any,
) -> Iterator[Shop]:
    """Open a shop in a MariaDB schema and a MongoDB database of this name, both new."""
    warehouse = new_warehouse(servers, folder, name)
    loader = Loader(warehouse, servers.mongo_uri, name, select=())
    mongo = {
        "root": "stores",
        "key": "store_id",
        "shard_key": BY_ID,
        "embed": {"sales": {"model": "sales", "order_by": ["sale_id"]}},
        **declared,
    }
    publishable(loader, manifest, marts, mongo)
    with connect(servers.mongo_uri) as client:
        client.drop_database(name)
        try:
            yield Shop(loader, manifest, client[name], mongo)
        finally:
            client.drop_database(name)
            warehouse.query(f"drop database `{name}`")
