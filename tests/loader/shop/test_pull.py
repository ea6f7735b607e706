"""`pos-loader pull`: a copy of one moment of a shop that stays open, all of it or nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pos_sandbox import mariadb
from pos_sandbox.cluster import Endpoints
from tests.loader.running import Finished, Loader
from tests.loader.shop import live
from tests.loader.shop.servers import Server, server
from tests.loader.shop.writer import Writer, number_of, open_shop
from tests.warehouse import Warehouse, new_warehouse

pytestmark = pytest.mark.native
LANDING = "test_pull_landing"
ODD = """
create or replace table live_shop.product (
    id bigint not null primary key, name varchar(40) character set latin1, currentPrice decimal(19, 4),
    availableQuantity int(5) unsigned zerofill, weight float, size double, flags bit(5),
    picture blob, code binary(4),
    tags set('a', 'b''c'), seen date, sold timestamp null, kept time(3), made year, notes json,
    twice bigint as (id * 2) stored, key name (name(10)), key (availableQuantity)
)
"""
ODD_ROWS = """
insert into live_shop.product
    (id, name, currentPrice, availableQuantity, weight, size, flags, picture, code, tags, seen, sold, kept,
     made, notes)
values
    (0, 'caf\u00e9 \\\\ ''quoted''', 12345.6789, 7, 1.1, 0.1, b'00101', x'00ff27225c0a1a', 'ab', 'a,b''c',
     '2024-02-29', '2024-03-31 01:30:00', '-12:30:00.125', 2024, '{"a": 1}'),
    (1, null, null, null, 3.4e38, 1.7976931348623157e308, null, '', '', '', '0000-00-00', null, null,
     null, null),
    (2, '', -0.0001, 0, 0.333333343, 2e-308, b'11111', null, null, 'a', '2023-00-31', null,
     '838:59:59', 1901, '[]')
"""


@dataclass(frozen=True)
class Pulling:
    """A shop on a server of its own, and a loader whose marts are on the session's server."""

    shop: Server
    loader: Loader
    writer_tables: Any

    def run(self, *options: str, **environment: str) -> Finished:
        """Pull to the end."""
        return self.loader.run("pull", "--into", LANDING, *options, **self.environment, **environment)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that name the shop."""
        return live.environment(self.shop)

    def landed(self, sql: str) -> list[Any]:
        """Ask the landing schema."""
        return self.loader.warehouse.query_in(LANDING, sql)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("shop"), 1) as found:
        yield found


@pytest.fixture(scope="module")
def warehouse(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    made = new_warehouse(servers, tmp_path_factory.mktemp("pull"), "test_pull", LANDING)
    return replace(made, variables={"pos_mode": "snapshot", "incremental_from_orders": 0})


@pytest.fixture
def pulling(shop: Server, warehouse: Warehouse, servers: Endpoints, database: str) -> Pulling:
    """A shop as it was opened, and an empty landing schema."""
    warehouse.create_schema(LANDING)
    return Pulling(shop, Loader(warehouse, servers.mongo_uri, database), open_shop(shop, live.SHOP))


@pytest.mark.parametrize("builds", live.BUILDS)
def test_builds_of_a_live_shop_are_of_the_moment_that_the_pull_names(builds: int, pulling: Pulling) -> None:
    with Writer(pulling.shop, live.SHOP, pulling.writer_tables) as writer:
        found = live.runs(builds, pulling.loader, writer, lambda: pulling.run("--json"))
    assert not writer.fault
    assert len(found) == builds
    live.require_open(writer, builds)
    shown = pulling.loader.done("status").stdout
    assert f"GTID {found[-1].moment['gtid']}" in shown


def test_every_type_arrives_as_it_was(pulling: Pulling) -> None:
    with mariadb.connect(port=pulling.shop.port) as connection:
        cursor = connection.cursor()
        cursor.execute("set session sql_mode = 'ALLOW_INVALID_DATES'")
        cursor.execute(ODD)
        cursor.execute(ODD_ROWS)
        cursor.execute("select * from live_shop.product order by id")
        expected = cursor.fetchall()
        cursor.execute("select hex(weight), hex(size), weight * 1e9, size from live_shop.product order by id")
        exact = cursor.fetchall()
    finished = pulling.run()
    assert finished.code == 0, finished
    assert "product\t3" in finished.stdout
    assert pulling.landed("select * from product order by id") == expected
    assert (
        pulling.landed("select hex(weight), hex(size), weight * 1e9, size from product order by id") == exact
    )
    types = (
        "select column_name, column_type, is_nullable, collation_name, column_key "
        "from information_schema.columns where table_schema = '{}' and table_name = 'product' order by 1"
    )
    assert pulling.landed(types.format(LANDING)) == pulling.shop.query(types.format(live.SHOP))


def test_tables_are_found_whatever_their_case(pulling: Pulling) -> None:
    pulling.shop.query("rename table live_shop.`order` to live_shop.`Order`")
    pulling.loader.warehouse.query(f"drop database {LANDING}")  # a pull makes it
    assert pulling.run("--quiet").code == 0
    assert pulling.landed("select count(*) from `order`") == [(0,)]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("drop table live_shop.city", "no table city"),
        ("alter table live_shop.city engine = Aria", "city is of engine Aria, which keeps no snapshot"),
        (
            "create or replace view live_shop.orderline2 as select 1; drop table live_shop.orderline; "
            "rename table live_shop.orderline2 to live_shop.orderline",
            "orderline is a VIEW",
        ),
        (
            "alter table live_shop.city add place point",
            "city.place is a point, which cannot be copied as text",
        ),
    ],
)
def test_what_cannot_be_copied_is_refused_and_the_landing_stays(
    change: str, what: str, pulling: Pulling
) -> None:
    assert pulling.run("--quiet").code == 0
    before = pulling.landed("select * from pos_loader_moment")
    for statement in change.split("; "):
        pulling.shop.query(statement)
    finished = pulling.run("--quiet")
    assert finished.code == 2
    assert finished.error.startswith(what)
    assert f"{LANDING} is as it was" in finished.error
    assert pulling.landed("select * from pos_loader_moment") == before
    assert len(pulling.landed("show tables")) == 6


def test_the_shop_itself_is_never_replaced(pulling: Pulling) -> None:
    shop = {**pulling.loader.settings, **pulling.environment, "POS_MARIADB_PORT": str(pulling.shop.port)}
    finished = pulling.loader.run("pull", "--into", live.SHOP, **shop)
    assert finished.code == 2
    assert finished.error.startswith("city, customer, order, orderline, product were not made by a pull")
    assert pulling.shop.query("select count(*) from live_shop.customer") == [(30,)]


def test_a_killed_pull_leaves_the_old_tables_and_the_next_one_cleans_up(pulling: Pulling) -> None:
    assert pulling.run("--quiet").code == 0
    before = pulling.landed("select * from pos_loader_moment")
    pulling.shop.query(
        "insert into live_shop.orderline select seq, seq mod 6, 1 from live_shop.seq_1_to_200000"
    )
    process = pulling.loader.start("pull", "--into", LANDING, **pulling.environment)
    _wait_for(pulling, "orderline__incoming")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert pulling.landed("select * from pos_loader_moment") == before
    assert pulling.landed("select count(*) from orderline") == [(0,)]
    assert pulling.run("--quiet").code == 0
    assert pulling.landed("select count(*) from orderline") == [(200_000,)]
    assert len(pulling.landed("show tables")) == 6


def _wait_for(pulling: Pulling, table: str) -> None:
    deadline = time.monotonic() + 60
    while not pulling.landed(f"show tables like '{table}'"):
        assert time.monotonic() < deadline, f"no {table}"
        time.sleep(0.02)


def test_a_table_that_the_shop_rebuilds_meanwhile_stops_the_pull(pulling: Pulling) -> None:
    pulling.shop.query("insert into live_shop.product select seq, '', 1, 1 from live_shop.seq_10_to_100000")
    process = pulling.loader.start("pull", "--into", LANDING, **pulling.environment)
    _wait_for(pulling, "product__incoming")
    pulling.shop.query("alter table live_shop.orderline force")
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 4, stderr
    assert "the shop rebuilt a table while it was copied" in stderr
    assert pulling.landed("show tables") == []


def test_a_build_is_refused_where_the_landing_is_not_ready(pulling: Pulling, warehouse: Warehouse) -> None:
    assert "no pos-loader pull has filled the schema" in _refused(warehouse)
    assert pulling.run("--quiet").code == 0
    still = replace(warehouse, variables={})
    assert "was made by pos-loader pull, but the var pos_mode is 'still'" in _refused(still)
    assert "but pos_schema is empty" in _refused(replace(warehouse, pos_schema=""))
    with mariadb.connect(port=warehouse.port) as connection:
        cursor = connection.cursor()
        cursor.execute(f"select get_lock(concat('pos_loader.pull.', left(md5('{LANDING}'), 16)), 0)")
        assert cursor.fetchone() == (1,)
        assert "pos-loader pull fills the schema" in _refused(warehouse)
        second = pulling.run("--quiet")
        assert second.code == 1
        assert second.error.startswith(f"another pull into {LANDING} is running")
    warehouse.dbt("compile", "--select", "stg_pos__city")  # builds nothing, so it does not look


def _refused(warehouse: Warehouse) -> str:
    finished = warehouse.dbt("run", "--select", "stg_pos__city", check=False)
    assert finished.returncode, finished.stdout
    return " ".join(finished.stdout.split())


def test_a_pull_during_a_build_makes_the_gate_refuse_it(pulling: Pulling, warehouse: Warehouse) -> None:
    first = pulling.run("--json").json["moment"]["gtid"]
    process = warehouse.start_dbt("build", *live.NESTED, *live.BUILDABLE)
    _wait_for_state(warehouse, "running")
    pulling.shop.query("update live_shop.customer set phone = 'moved' where id = 1")
    second = pulling.run("--json").json["moment"]["gtid"]
    output, _ = process.communicate(timeout=200)
    assert number_of(second) == number_of(first) + 1
    assert f"The source moved from {first} to {second} during this build" in " ".join(output.split())
    finished = pulling.loader.run("load", "--quiet")
    assert finished.code == 1
    assert f"the shop moved from {first} to {second} during dbt invocation" in finished.stderr


def _wait_for_state(warehouse: Warehouse, state: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            if warehouse.query("select state from dbt_build_stamp") == [(state,)]:
                return
        except Exception:  # noqa: S110 - the table is made by the first build
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)
