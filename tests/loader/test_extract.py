"""What a read of the marts costs: ranges of clustered indexes, whatever the size of the table."""

from __future__ import annotations

import pytest

from loader import extract, mariadb, sizes
from loader.artifacts import read_manifest
from loader.profile import MariaDB
from loader.spec import read_collections
from tests.warehouse import Warehouse


@pytest.mark.parametrize("name", ["customer_order_history", "product_purchase_details"])
def test_a_partition_is_a_range_of_each_clustered_index_and_nothing_is_sorted(
    sample_warehouse: Warehouse, name: str
) -> None:
    found = sample_warehouse
    server = MariaDB(found.host, found.port, found.user, found.password, found.schema)
    (collection,) = read_collections(read_manifest(found.target_path), database="none", select=[name])
    with mariadb.connect(server) as queries:
        cut = extract.cut(queries, collection, rows=200, weights=sizes.widths(collection), limit=10**9)
        assert len(cut.partitions) > 10
        for level in collection.root.walk():
            statement = extract.statement(level, collection, cut.partitions[5])
            ((_, _, table, kind, _, key, _, _, _, more),) = queries.rows(f"explain {statement}")
            assert (table, kind, key) == (level.table, "range", "PRIMARY")
            assert "filesort" not in more
            assert "temporary" not in more
