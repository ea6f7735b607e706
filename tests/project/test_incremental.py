"""An incremental build leaves what a full one would, and says so where it cannot.

Each round changes the source in many ways, builds incrementally, and compares every mart and report, row by
row, with a build of the same source by `--full-refresh`.
"""

import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from pos_sandbox.cluster import Endpoints
from tests.built import Saved, saved
from tests.project.sources import create_source, sample_tables
from tests.warehouse import PROJECT, Row, Warehouse, new_warehouse

MODELS = ("--resource-type", "model", "--resource-type", "snapshot")
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S")
# In the sample, orders 999 and 998 are among the last 30 days, orders 20 to 60 are two years old.
CHANGES = {
    "new orders": "insert into `order` values (5001, '2024-12-31 10:00:00', null, 5), "
    "(5002, '2024-12-31 11:00:00', null, 7001), (5003, '2024-12-31 12:00:00', null, 88888), "
    "(5004, null, null, 6), (5005, '2024-12-31 13:00:00', null, null)",
    "their lines": "insert into orderline values (5001, 1, 2), (5001, 2, -1), (5002, 1, 1), (5002, 1, 4), "
    "(5003, 3, 1), (5004, 4, 7)",
    "a late line": "insert into orderline values ({recent}, 11, 3)",
    "a late line that is there already": "insert into orderline "
    "select * from orderline where order_id = {other}",
    "another quantity": "update orderline set quantity = quantity + 3 where order_id = {third}",
    "a deleted line": "delete from orderline where order_id = {fourth} limit 1",
    "a deleted order": "delete from `order` where id = {fifth}",
    "a deleted old order": "delete from `order` where id = 20",
    "its lines too": "delete from orderline where order_id = 20",
    "an old order deleted, its lines left": "delete from `order` where id = 21",
    "shipped since": "update `order` set dateShipped = '2025-01-03' where id = 22",
    "another date of an old order": "update `order` set datePlaced = '2023-02-03 04:05:06.789' where id = 23",
    "another customer of an old order": "update `order` set customer_id = 31 where id = 24",
    "no customer": "update `order` set customer_id = null where id = 25",
    "a new customer": "insert into customer values "
    "(7001, 'New', 'Buyer', null, null, null, null, null, '77002')",
    "a customer who was known by an order only": "insert into customer (id, firstName) "
    "select 88888, 'Found' from dual",
    "a deleted customer": "delete from customer where id = 33",
    "a customer with another name": "update customer set firstName = lower(firstName) where id = 34",
    "a customer who moved": "update customer set zip = '02108' where id = 35",
    "a new product, sold before it was known": "insert into product values (999999, 'At last', 12.5, 1)",
    "a product with another name": "update product set name = upper(name) where id = 7",
    "a deleted product": "delete from product where id = 8",
    "another price": "update product set currentPrice = currentPrice + 1 where id = 9",
    "a city with another name": "update city set city = 'Elsewhere' where zip = "
    "(select zip from customer where id = 36)",
    "a line of an unknown order": "insert into orderline values (888889, 1, 1), (null, 2, 2)",
    "no more lines of an unknown order": "delete from orderline where order_id = 888888",
}
# What is found by one change alone: each round's orders are as the source has them but for that.
ROUNDS = (
    {
        "products that never had a price": "insert into product values "
        "(900001, 'Goes', null, 1), (900002, 'Is priced', null, 1)",
        "their lines, in an old order": "insert into orderline values (27, 900001, 3), (28, 900002, 4)",
        "other dates, so that the lines are seen": "update `order` set "
        "datePlaced = datePlaced + interval 1 minute where id in (27, 28)",
        "a product that comes back later": "delete from product where id = 8",
        "an order of tomorrow": f"insert into `order` values (6001, '{TOMORROW}', null, 5)",
        "its line": "insert into orderline values (6001, 1, 2)",
    },
    {
        "the price of tomorrow": "update product set currentPrice = currentPrice * 2 where id = 1",
        "the product is back": "insert into product values (8, 'Back again', 99, 1)",
    },
    {
        "gone without ever having had a price": "delete from product where id = 900001",
        "its first price": "update product set currentPrice = 3.25 where id = 900002",
    },
    {"a late line for tomorrow": "insert into orderline values (6001, 2, 5)"},
)


def change(warehouse: Warehouse, statements: Sequence[str]) -> None:
    source = replace(warehouse, schema=warehouse.pos_schema)
    recent = [
        key
        for (key,) in source.query(
            "select id from `order` where datePlaced between '2024-12-05' and '2024-12-30' and id in "
            "(select order_id from orderline where product_id is not null) order by id limit 5"
        )
    ]
    places = dict(zip(("recent", "other", "third", "fourth", "fifth"), recent, strict=True))
    for statement in statements:
        source.query(statement.format(**places))


def marts(warehouse: Warehouse) -> dict[str, list[Row]]:
    """All rows of all marts and reports, text as bytes."""
    names = [
        name
        for (name,) in warehouse.query("show tables")
        if name.startswith(("dim_", "fct_", "rpt_")) and not name.endswith("__dbt_tmp")
    ]
    return {name: sorted(warehouse.query(f"select * from {name}"), key=repr) for name in names}


def made_at(warehouse: Warehouse) -> list[Row]:
    """When the tables of the incremental models were created: that of the last full build."""
    return warehouse.query(
        "select table_name, create_time from information_schema.tables where table_schema = database() and "
        "table_name in ('fct_orders', 'fct_order_lines', 'fct_product_purchases') order by 1"
    )


def assert_equals_full(warehouse: Warehouse) -> None:
    found = marts(warehouse)
    warehouse.dbt("build", "--full-refresh", *MODELS)
    expected = marts(warehouse)
    assert len(expected) > 15
    for name, rows in expected.items():
        assert found[name] == rows, name


@pytest.fixture(scope="module")
def built(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """The sample in typed tables, built once; small as it is, it may be built incrementally."""
    folder = tmp_path_factory.mktemp("incremental")
    warehouse = replace(
        new_warehouse(servers, folder, "test_incremental", "test_incremental_source"),
        variables={"incremental_from_orders": 0},
    )
    create_source(warehouse, sample_tables(), typed=True)
    warehouse.dbt("build", *MODELS)
    return saved(warehouse)


@pytest.fixture
def shop(built: Saved) -> Warehouse:
    """The build as it was, for a test to change."""
    built.restore()
    return built.warehouse


def test_incremental_equals_full(shop: Warehouse) -> None:
    before, made = marts(shop), made_at(shop)
    change(shop, list(CHANGES.values()))
    shop.dbt("build")
    assert made_at(shop) == made, "the facts were built anew"
    ((orders, changed),) = shop.query(
        "select (select count(*) from fct_orders), (select count(*) from int_orders_changed)"
    )
    assert 20 < changed < orders / 2
    assert marts(shop)["fct_order_lines"] != before["fct_order_lines"]
    assert_equals_full(shop)


def test_each_kind_of_change_is_found_alone(shop: Warehouse) -> None:
    made = made_at(shop)
    found = []
    for changes in ROUNDS:
        change(shop, list(changes.values()))
        shop.dbt("build", *MODELS)
        found.append(marts(shop)["fct_order_lines"])
    assert made_at(shop) == made
    assert all(before != after for before, after in pairwise(found))
    assert_equals_full(shop)


def test_a_change_of_a_macro_that_the_facts_use_makes_the_next_build_full(
    shop: Warehouse, tmp_path: Path
) -> None:
    """Whatever decides what a fact holds counts, and nothing else."""
    project = tmp_path / "project"
    for name in ("macros", "models", "snapshots", "seeds", "tests/dbt"):
        shutil.copytree(PROJECT / name, project / name)
    for name in ("dbt_project.yml", "profiles.example.yml"):
        shutil.copyfile(PROJECT / name, project / name)
    changed, made = replace(shop, project=project, target_path=tmp_path / "target"), made_at(shop)
    units = "select sum(quantity) from fct_order_lines"
    units_before = int(shop.query(units)[0][0])

    rewrite(project / "models/_docs.md", "Key of the order.", "The order's key.")
    rewrite(project / "macros/reports/ratio.sql", "{{ numerator }}", "({{ numerator }})")
    (project / "macros/unused.sql").write_text("{% macro unused() %}1{% endmacro %}")
    others = {**changed.variables, "lookback_days": 31, "low_cover_days": 7}
    replace(changed, variables=others).dbt("build", *MODELS)
    assert made_at(shop) == made, "none of it matters to the facts"

    cleaning = project / "macros/cleaning/clean_integer.sql"
    head = "{% macro clean_integer(column, kinds) -%}"
    rewrite(
        cleaning,
        head,
        f"{head}{{%- if column == 'quantity' %}}{{{{ return('quantity * 2') }}}}{{% endif -%}}",
    )
    changed.dbt("build", *MODELS)
    assert not {*made_at(shop)} & {*made}
    assert int(shop.query(units)[0][0]) == 2 * units_before - 1, "one row names no quantity, which counts 1"


def rewrite(path: Path, old: str, new: str) -> None:
    """Replace a text that a file holds."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_change_before_the_lookback_stops_the_build_until_a_full_refresh(shop: Warehouse) -> None:
    before = marts(shop)
    change(shop, ["update orderline set quantity = quantity + 1 where order_id = 26 limit 1"])
    failed = shop.dbt("build", check=False)
    assert failed.returncode == 1
    assert shop.results()["assert_every_source_line_is_in_a_line"][0] == "fail"
    assert marts(shop)["fct_order_lines"] == before["fct_order_lines"], "the look-back is 30 days"
    shop.dbt("build", "--full-refresh")
    assert marts(shop)["fct_order_lines"] != before["fct_order_lines"]


def test_only_rows_that_a_tested_build_left_go_untested(shop: Warehouse) -> None:
    test = "assert_line_totals_are_quantity_times_price"
    harm = "update fct_order_lines set line_total = line_total + 1 where order_id = 27 and line_number = 1"
    shop.query(harm)
    shop.dbt("build", check=False)
    assert shop.results()[test][0] == "fail", "the build before ran no tests"
    made = made_at(shop)
    shop.dbt("build")
    assert made_at(shop) != made, "after a failed build the next one is full"
    shop.query(harm)
    shop.dbt("build", check=False)
    results = shop.results()
    assert results[test][0] == "pass", "the row was tested, and no build has replaced it"
    assert results["assert_products_are_the_sum_of_their_lines"][0] == "fail", "sums are of all rows"


def test_a_failed_build_leaves_the_rows_and_the_next_one_is_full(shop: Warehouse) -> None:
    before, made = marts(shop), made_at(shop)
    change(shop, ["insert into orderline values ({recent}, 12, 900000000000000000)"])
    failed = shop.dbt("build", *MODELS, check=False)
    assert failed.returncode == 1
    assert "Out of range" in shop.results()["fct_order_lines"][1]
    # The source's profile is not made from the facts.
    assert {**marts(shop), "rpt_source_profile": []} == {**before, "rpt_source_profile": []}
    change(shop, ["update orderline set quantity = 9 where quantity > 1000000000"])
    shop.dbt("build", *MODELS)
    assert made_at(shop) != made
    assert_equals_full(shop)


def test_a_killed_build_leaves_the_rows(shop: Warehouse) -> None:
    """The transaction is held up between its statements, and dbt is killed there."""
    change(shop, ["update orderline set quantity = quantity + 3 where order_id = {third}"])
    before = marts(shop)
    blocker = shop.connect()
    try:
        blocker.autocommit = False
        cursor = blocker.cursor()
        cursor.execute("select customer_id from fct_order_lines order by placed_at desc limit 200 for update")
        cursor.fetchall()
        running = shop.start_dbt("build", *MODELS)
        deadline = time.monotonic() + 120
        while not shop.query(
            "select 1 from information_schema.innodb_lock_waits as waits "
            "inner join information_schema.innodb_trx as blocking on blocking.trx_id = waits.blocking_trx_id "
            f"where blocking.trx_mysql_thread_id = {blocker.connection_id}"
        ):
            assert time.monotonic() < deadline
            assert running.poll() is None, running.communicate()[0]
            time.sleep(0.3)  # InnoDB shows the same for 0.1 s
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
    finally:
        blocker.rollback()
        blocker.close()
    assert marts(shop) == before
    shop.dbt("build", *MODELS)
    assert marts(shop)["fct_order_lines"] != before["fct_order_lines"]
    assert_equals_full(shop)
