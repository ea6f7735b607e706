"""A server with other defaults, and a source with other spellings, give the same marts and documents.

The source is imported from CSV files whose headers are in capitals, into a server whose defaults differ in
whatever a session can set (`tests.odd_server`): it runs in a zone with summer time. Its moments become
TIMESTAMP columns; tables become a view, a table with history and one with an invisible column. Sequences and
a view without its table stand beside them, in the schema of the marts as well. Schemas are of mixed case.
"""

import csv
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

import pos_loader.servers.mariadb
import pos_sandbox.mariadb
from pos_loader.collection import Level
from pos_loader.documents import extract
from pos_loader.servers.profile import MariaDB
from pos_sandbox.cluster import Endpoints
from pos_sandbox.settings import Ports
from tests.loader.running import Loader, connect, content
from tests.odd_server import odd_server
from tests.project.sources import HEADERS, sample_tables
from tests.warehouse import PROJECT, Row, Warehouse, new_warehouse

pytestmark = pytest.mark.native

DIFFERENT = "source_profile"  # dbt reads a blank in a seed as NULL; the import keeps it
CHANGES = (
    "alter table `ORDER` change dateplaced DATEPLACED timestamp(6) null",
    "alter table `Order` change dateshipped Dateshipped timestamp(6) null",
    "alter table Product change id ID bigint not null, change currentprice CURRENTPRICE decimal(19, 4)",
    "alter table product add system versioning",
    "alter table customer modify zip varchar(32) invisible",
    "alter table OrderLine modify order_id bigint, modify product_id bigint, modify Quantity bigint",
    "rename table City to city_of_the_shop",
    "create view CITY as select * from city_of_the_shop",
    "create sequence tickets",
    "create table gone (id int)",
    "create view orphan as select * from gone",
    "drop table gone",
    "create sequence Test_Odd.numbers",
)
OF_THE_DRIVERS = (
    *("set names", "set character_set", "set @@session.autocommit", "select @@max_allowed_packet"),
    *("begin", "commit", "rollback"),
)
"""What the drivers and dbt send by themselves to a session before ours is the first."""


@dataclass(frozen=True)
class Odd:
    """The result of the odd source: the marts, and the documents beside those of the ordinary server."""

    warehouse: Warehouse
    databases: tuple[str, str]
    mongo_uri: str


@pytest.fixture(scope="module")
def odd(
    servers: Endpoints,
    sample_warehouse: Warehouse,
    free_ports: Callable[[], Ports],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Odd]:
    folder = tmp_path_factory.mktemp("odd")
    port = free_ports().mariadb
    with odd_server(folder / "server", port):
        target, source = "Test_Odd", "Test_Odd_Source"
        warehouse = new_warehouse(replace(servers, mariadb_port=port), folder / "target", target, source)
        create_odd_source(warehouse, folder / "csv")
        warehouse.dbt("build")
        databases = ("test_ordinary_defaults", "test_odd_defaults")
        for each, database in zip((sample_warehouse, warehouse), databases, strict=True):
            Loader(each, servers.mongo_uri, database, select=()).done("load", "--full-refresh")
        yield Odd(warehouse, databases, servers.mongo_uri)
    with connect(servers.mongo_uri) as client:
        for database in databases:
            client.drop_database(database)


def create_odd_source(warehouse: Warehouse, folder: Path) -> None:
    """Import the sample from CSV files with headers in capitals, and change what the import made of it."""
    incomplete = write_sample(folder)
    command = [sys.executable, "-m", "pos_sandbox", "import", str(folder), "--schema", warehouse.pos_schema]
    subprocess.run(command, cwd=PROJECT, env=warehouse.environment, check=True)
    for change in CHANGES:
        warehouse.query_in(warehouse.pos_schema, change)
    warehouse.query(f"insert into {warehouse.pos_schema}.OrderLine values (%s, %s, %s)", incomplete)


def write_sample(folder: Path) -> list[Row]:
    """Write the sample, and return the order lines that the import would refuse."""
    folder.mkdir()
    tables = sample_tables()
    incomplete = [row for row in tables["orderline"] if None in row]
    tables["orderline"] = [row for row in tables["orderline"] if None not in row]
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(column.upper() for column in HEADERS[name])
            writer.writerows(rows)
    assert incomplete
    return incomplete


def test_the_marts_are_those_of_an_ordinary_server(odd: Odd, sample_warehouse: Warehouse) -> None:
    manifest = odd.warehouse.artifact("manifest")["nodes"].values()
    marts = [
        node["name"]
        for node in manifest
        if node["resource_type"] == "model"
        and node["fqn"][1] == "marts"
        and not node["name"].endswith(DIFFERENT)
    ]
    assert len(marts) > 15
    tables = ", ".join(sorted(marts))
    expected, found = (
        {table.partition(".")[2]: checksum for table, checksum in each.query(f"checksum table {tables}")}
        for each in (sample_warehouse, odd.warehouse)
    )
    assert None not in found.values()
    assert found == expected


def test_the_documents_are_those_of_an_ordinary_server(odd: Odd) -> None:
    with connect(odd.mongo_uri) as client:
        ordinary, unusual = (client[name] for name in odd.databases)
        names = sorted(name for name in ordinary.list_collection_names() if not name.startswith("pos_loader"))
        assert len(names) > 5
        for name in set(names) - {DIFFERENT}:
            assert content(unusual, name) == content(ordinary, name), name
    verified = Loader(odd.warehouse, odd.mongo_uri, odd.databases[1], select=()).done("verify")
    assert "differ" not in verified.stdout


def test_no_session_runs_with_the_defaults_of_the_server(odd: Odd) -> None:
    """Every connection of the import, dbt and both drivers of the loader sets its state first."""
    rows = odd.warehouse.query(
        "select thread_id, convert(argument using utf8mb4) from mysql.general_log "
        "where command_type in ('Query', 'Execute') and user_host like 'pos%'"
    )
    sessions = defaultdict(list)
    for thread, statement in rows:
        plain = (
            " ".join(statement.split("*/")[-1].split()).lower() if statement.startswith("/* ") else statement
        )
        if not plain.lower().startswith(OF_THE_DRIVERS):
            sessions[thread].append(plain)
    pinned = "set session transaction isolation level read committed"
    unpinned = {each[0] for each in sessions.values() if not each[0].startswith(pinned)}
    assert len(sessions) > 100
    assert unpinned == set()


SETTINGS = {
    "time_zone": "+00:00",
    "character_set_client": "utf8mb4",
    "collation_connection": "utf8mb4_unicode_ci",
    "tx_isolation": "READ-COMMITTED",
    "tx_read_only": "OFF",
    "autocommit": "ON",
    "sql_select_limit": 2**64 - 1,
    "sql_safe_updates": "OFF",
    "sql_auto_is_null": "OFF",
    "sql_big_selects": "ON",
    "max_statement_time": 0,
    "system_versioning_asof": "DEFAULT",
    "old_mode": "",
    "sql_mode": "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION",
}
ASK = "select " + ", ".join(f"convert(@@{name}, char) as `{name}`" for name in SETTINGS)
FOUND = tuple(map(str, SETTINGS.values()))


def test_each_driver_reads_its_settings_back(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = odd.warehouse
    with pos_sandbox.mariadb.connect(port=warehouse.port) as connection:
        cursor = connection.cursor()
        cursor.execute(ASK)
        assert tuple(map(plain, cursor.fetchone())) == FOUND
    server = MariaDB(warehouse.host, warehouse.port, warehouse.user, warehouse.password, warehouse.schema)
    with pos_loader.servers.mariadb.connect(server) as queries:
        ((*values,),) = queries.rows(ASK)
        assert tuple(map(plain, values)) == FOUND
    monkeypatch.setattr(extract, "statement", lambda *_: f"{ASK}, user() as user")
    monkeypatch.setattr("pos_loader.documents.readable.require_within", lambda *_: None)
    level = Level(name="", model="", schema="", table="", key=(), fields=())
    table = extract._read(server, level, cast(Any, None), cast(Any, None))
    (row,) = table.to_pylist()
    assert row.pop("user") == "pos@127.0.0.1"  # not a socket of this machine
    assert tuple(map(plain, row.values())) == FOUND


def plain(value: object) -> str:
    """A setting as text; a number of seconds without its fraction."""
    return str(value).removesuffix(".000000")


def test_what_is_built_is_found_again(odd: Odd) -> None:
    """A second run swaps the tables it finds; the catalog does without the view that has lost its table."""
    odd.warehouse.dbt("build", "--select", "stg_pos__product", "product_prices", "dim_products")
    odd.warehouse.dbt("docs", "generate")
    catalog = odd.warehouse.artifact("catalog")
    product = next(each for name, each in catalog["sources"].items() if name.endswith(".product"))
    assert {name.lower() for name in product["columns"]} == {name.lower() for name in HEADERS["product"]}
    assert catalog["errors"] is None
