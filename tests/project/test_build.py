"""What a build leaves behind, and what readers see while it runs."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pos_sandbox import mariadb
from pos_sandbox.cluster import Endpoints
from pos_sandbox.process import HOST, Deadline, start, stop, wait_for
from pos_sandbox.settings import Ports
from tests.built import copied
from tests.warehouse import Row, Warehouse, new_warehouse

MARTS = ("dim_customers", "dim_products", "fct_orders", "fct_order_lines", "fct_product_purchases")


def stamp(warehouse: Warehouse) -> list[Row]:
    return warehouse.query("select invocation_id, state from dbt_build_stamp")


def test_build_passes_without_warnings_and_leaves_its_stamp(sample_warehouse: Warehouse) -> None:
    statuses = {result["status"] for result in sample_warehouse.artifact("run_results")["results"]}
    assert statuses == {"success", "pass", "no-op"}  # no-op: an exposure
    invocation = sample_warehouse.artifact("run_results")["metadata"]["invocation_id"]
    assert stamp(sample_warehouse) == [(invocation, "finished")]


@pytest.mark.parametrize("mart", MARTS)
def test_marts_are_clustered_by_their_declared_key_in_utf8mb4(mart: str, sample_warehouse: Warehouse) -> None:
    node = sample_warehouse.artifact("manifest")["nodes"][f"model.pos.{mart}"]
    found = sample_warehouse.query(f"show index from {mart} where key_name = 'PRIMARY'")
    assert [row[4] for row in found] == node["config"]["primary_key"]
    ((collation,),) = sample_warehouse.query(
        "select table_collation from information_schema.tables "
        f"where table_schema = '{sample_warehouse.schema}' and table_name = '{mart}'"
    )
    assert collation == "utf8mb4_unicode_ci"


def test_rows_of_id_zero_keep_their_id(sample_warehouse: Warehouse) -> None:
    for mart, key in (
        ("dim_customers", "customer_id"),
        ("dim_products", "product_id"),
        ("fct_orders", "order_id"),
    ):
        assert sample_warehouse.query(f"select count(*) from {mart} where {key} = 0") == [(1,)]
    lines = sample_warehouse.query(
        "select line_number, product_id, quantity, count_source_rows from fct_order_lines "
        "where customer_id = 0 and order_id = 0 order by line_number"
    )
    assert lines == [(1, 0, 2, 1), (2, 1, 1, 1), (3, 4, 335, 3)]


def test_a_zip_of_several_cities_has_one_and_short_zips_find_theirs(sample_warehouse: Warehouse) -> None:
    found = sample_warehouse.query(
        "select customer_id, zip, city, state from dim_customers where customer_id in (3, 4, 5, 6, 7, 10, 11)"
    )
    assert found == [
        (3, "00718", "NAGUABO", "PR"),
        (4, "02108", "BOSTON", "MA"),
        (5, "02108", "BOSTON", "MA"),
        (6, "3004", "Melbourne", "Victoria"),
        (7, "99999", None, None),
        (10, "94217", "Brisbane", "CA"),
        (11, "WX1 6LT", "London", None),
    ]


def test_what_cannot_be_placed_is_kept(sample_warehouse: Warehouse) -> None:
    assert sample_warehouse.query("select order_id from fct_orders where customer_id = -1 order by 1") == [
        (2,),
        (3,),
    ]
    lines = sample_warehouse.query(
        "select order_id, product_id, is_known_order, is_known_product, line_total is null "
        "from fct_order_lines where not is_known_order or not is_known_product order by order_id, product_id"
    )
    assert lines == [
        (-1, -1, 0, 0, 1),
        (-1, 3, 0, 1, 0),
        (7, -1, 1, 0, 1),
        (7, 999999, 1, 0, 1),
        (888888, 2, 0, 1, 0),
        (888888, 999999, 0, 0, 1),
    ]


def test_a_reader_always_finds_the_marts_while_they_are_rebuilt(
    built_sample: Warehouse, tmp_path: Path
) -> None:
    warehouse = copied(built_sample, tmp_path, "test_swap")
    warehouse.dbt("seed")
    built = stamp(warehouse)
    assert built != stamp(built_sample)
    assert built[0][1] == "finished"

    connection = warehouse.connect()
    cursor = connection.cursor()
    running: subprocess.Popen[str] = warehouse.start_dbt("run")
    seen: set[tuple[int, ...]] = set()
    states: set[str] = set()
    tables: set[Row] = set()
    try:
        while running.poll() is None:
            counts = []
            for mart in MARTS:
                cursor.execute(f"select count(*) from {mart}")
                counts.append(cursor.fetchone()[0])
            seen.add(tuple(counts))
            cursor.execute("select state from dbt_build_stamp")
            states.update(state for (state,) in cursor.fetchall())
            cursor.execute(
                "select create_time from information_schema.tables "
                f"where table_schema = '{warehouse.schema}' and table_name = 'fct_orders'"
            )
            tables.update(cursor.fetchall())
    finally:
        output, _ = running.communicate()
        connection.close()
    assert running.returncode == 0, output
    assert len(seen) == 1
    assert min(seen.pop()) > 0
    assert states == {"running", "finished"}
    assert len(tables) > 1, "the reader never saw the new table"


@pytest.fixture
def own_mariadb(free_ports: Callable[[], Ports], tmp_path: Path) -> Iterator[Endpoints]:
    """A MariaDB of the test's own, which does not count the rows of tables by itself."""
    server = mariadb.server(tmp_path / "server", free_ports().mariadb)
    process = start(server, mariadb.prepare(tmp_path / "server"))
    try:
        wait_for(server, process, lambda: mariadb.version(server.port), deadline=Deadline(120))
        found = Endpoints(HOST, server.port, mariadb.USER, mariadb.PASSWORD, "")
        with mariadb.connect(port=server.port) as connection:
            connection.cursor().execute("set global innodb_stats_auto_recalc = off")
        yield found
    finally:
        stop([process], grace=30)


def test_mariadb_knows_the_size_of_a_new_table_before_the_next_model_reads_it(
    own_mariadb: Endpoints, tmp_path: Path
) -> None:
    """Or joins to it are planned as if it were empty, and take hours where there are millions of lines."""
    warehouse = new_warehouse(own_mariadb, tmp_path, "test_statistics")
    kinds = (word for kind in ("seed", "model", "snapshot") for word in ("--resource-type", kind))
    warehouse.dbt("build", *kinds, "--select", "+fct_orders")
    estimated: dict[str, int] = dict(
        warehouse.query(
            "select table_name, n_rows from mysql.innodb_table_stats "
            f"where database_name = '{warehouse.schema}' and table_name regexp '^(int|dim|fct|product)_'"
        )
    )
    actual = {name: warehouse.query(f"select count(*) from {name}")[0][0] for name in estimated}
    assert {"product_prices__sample", "int_product_prices_ranged", "fct_order_lines"} <= estimated.keys()
    assert estimated == {name: pytest.approx(rows, rel=0.2) for name, rows in actual.items()}
