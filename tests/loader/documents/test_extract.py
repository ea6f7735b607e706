"""Reads and cuts of the marts use ranges of clustered indexes, whatever the size of the table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pos_loader.collection import Collection
from pos_loader.dbt.artifacts import read_manifest
from pos_loader.declaration.spec import read_collections
from pos_loader.documents import cuts, extract, sizes
from pos_loader.servers import mariadb
from pos_loader.servers.profile import MariaDB
from tests.warehouse import Warehouse


def _sample(warehouse: Warehouse, name: str) -> tuple[MariaDB, Collection]:
    server = MariaDB(warehouse.host, warehouse.port, warehouse.user, warehouse.password, warehouse.schema)
    (collection,) = read_collections(read_manifest(warehouse.target_path), database="none", select=[name])
    return server, collection


@pytest.mark.parametrize("name", ["customer_order_history", "product_purchase_details"])
def test_a_partition_is_a_range_of_each_clustered_index_and_nothing_is_sorted(
    sample_warehouse: Warehouse, name: str
) -> None:
    server, collection = _sample(sample_warehouse, name)
    with mariadb.connect(server) as queries:
        cut = cuts.cut(queries, collection, rows=200, weights=sizes.widths(collection), limit=10**9)
        assert len(cut.partitions) > 10
        for level in collection.root.walk():
            statement = extract.statement(level, collection, cut.partitions[5])
            ((_, _, table, kind, _, key, _, _, _, more),) = queries.rows(f"explain {statement}")
            assert (table, kind, key) == (level.table, "range", "PRIMARY")
            assert "filesort" not in more
            assert "temporary" not in more


@pytest.mark.parametrize("name", ["customer_order_history", "product_purchase_details"])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("rows", [1, 30, 79, 10_000])
def test_partitions_hold_every_row_once_however_the_keys_are_cut(
    sample_warehouse: Warehouse, name: str, rows: int, workers: int
) -> None:
    server, collection = _sample(sample_warehouse, name)
    weights = sizes.widths(collection)
    with mariadb.connect(server) as queries:
        cut = cuts.cut(queries, collection, rows=rows, weights=weights, limit=20_000, workers=workers)
    levels = [*collection.root.walk()]
    edges = [partition.lo for partition in cut.partitions[1:]]
    assert edges == sorted({int(edge or 0) for edge in edges})
    assert [partition.hi for partition in cut.partitions] == [*edges, None]
    counts = dict.fromkeys(cut.rows, 0)
    heavy = set()
    for partition in cut.partitions:
        tables = extract.extract(server, collection, partition)
        keys = [tables[level].column(collection.key_column).to_pylist() for level in levels]
        by_key = {
            key: sum(found.count(key) * weights[level] for level, found in zip(levels, keys, strict=True))
            for key in set().union(*keys)
        }
        heavy |= {key for key, weight in by_key.items() if weight > 20_000}
        most = max(sum(found.count(key) for found in keys) for key in by_key)
        assert sum(map(len, keys)) < rows + most
        for level in levels:
            counts[level.path] += tables[level].num_rows
    assert counts == cut.rows
    assert heavy
    assert all(any(first <= key <= last for first, last in cut.heavy) for key in heavy)
    assert {edge for ends in cut.heavy for edge in ends} <= heavy


def test_more_suspects_than_are_encoded_are_measured_by_their_keys_alone(
    sample_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty million lines have over a hundred suspects. Measuring all rows took longer than the cut."""
    server, collection = _sample(sample_warehouse, "customer_order_history")
    small = replace(collection, document_budget=2_000)
    limit = sizes.allowance(small)
    with mariadb.connect(server) as queries:
        cut = cuts.cut(queries, small, rows=100, weights=sizes.widths(small), limit=limit)
        _, over, is_exact = sizes.largest(queries, small)
        asked = []
        measured = sizes.largest

        def watched(*given: object, keys: tuple[int, ...]) -> object:
            asked.append(len(keys))
            return measured(*given, keys=keys)  # type: ignore[arg-type]

        monkeypatch.setattr(sizes, "largest", watched)
        warning = sizes.check(queries, small, within=cut.heavy)
    assert is_exact
    assert sizes.MANY < asked[0] < sizes.NAMED
    assert warning.startswith(f"{over} documents of customer_order_history are over")
