"""`import` into a real MariaDB: what is taken, what is refused, and that it is all or nothing.

POS_DATA_DIR names a folder of real data sets to import as well.
"""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pos_sandbox import csv_files, mariadb
from pos_sandbox.cli import app
from pos_sandbox.cluster import Endpoints
from pos_sandbox.pos_schema import TABLES

Rows = Sequence[Sequence[str]]

EMOJI = "🛒" * 300
NASTY = [
    'say "hi", twice',
    "back\\slash\\",
    "\\N",
    "NULL",
    " ",
    "'",
    "a\r\nb\nc",
    '"',
    '",',
    "été 東京 عربى",
    "​",
]
GOOD: Mapping[str, Rows] = {
    "product": [
        ["id", "name", "currentPrice", "availableQuantity"],
        ["0", EMOJI, "0.0001", "-3"],
        ["9223372036854775807", "", "-999999999999999.9999", ""],
        *([str(number), text, "12.50000", "1"] for number, text in enumerate(NASTY, start=1)),
    ],
    "city": [["zip", "city", "state"], ["02101", "Boston", "MA"], ["02101", "BOSTON", "MA"], ["", "", ""]],
    "customer": [
        # another order of columns than the table's
        ["zip", "id", "lastName", "firstName", "email", "address1", "address2", "phone", "birthdate"],
        ["02101", "0", "O'Neil", "Zoë", "z@example.org", "1 Main St", "", "", "1970-02-28"],
    ],
    "order": [
        ["id", "datePlaced", "dateShipped", "customer_id"],
        ["0", "2024-02-29", "2024-03-01 23:59:59.123456", "0"],
        ["1", "2024-02-29T08:00", "", "404"],
    ],
    "orderline": [
        ["order_id", "product_id", "quantity"],
        ["0", "0", "2"],
        ["0", "0", "2"],
        ["77", "404", "-1"],
    ],
}


def write(folder: Path, **changed: Rows) -> Path:
    """Write the good data set into `folder`, with the tables in `changed` replaced."""
    folder.mkdir(exist_ok=True)
    for table, rows in {**GOOD, **changed}.items():
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    (folder / "notes.csv").write_text("not ours")
    return folder


class Shop:
    """A schema to import into, and to look at."""

    def __init__(self, servers: Endpoints, schema: str) -> None:
        self.schema = schema
        self._port = servers.mariadb_port

    def load(self, folder: Path, *options: str) -> Result:
        """Run `pos-sandbox import`."""
        arguments = ["import", str(folder), f"--schema={self.schema}", f"--port={self._port}", *options]
        return CliRunner().invoke(app, arguments)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement in which @ stands for the schema."""
        with mariadb.connect(port=self._port) as connection:
            cursor = connection.cursor()
            cursor.execute(statement.replace("@", f"`{self.schema}`."))
            return list(cursor.fetchall())

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each table in the schema."""
        names = self.rows(
            f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{self.schema}'"
        )
        return {name: self.rows(f"SELECT COUNT(*) FROM @`{name}`")[0][0] for (name,) in names}


@pytest.fixture
def shop(servers: Endpoints, mariadb_schema: str) -> Shop:
    return Shop(servers, mariadb_schema)


def sizes(data: Mapping[str, Rows]) -> dict[str, int]:
    """Return the rows of each table without its header."""
    return {table: len(rows) - 1 for table, rows in data.items()}


def test_good_data_arrives_exactly(shop: Shop, tmp_path: Path) -> None:
    done = shop.load(write(tmp_path / "shop"))
    assert (done.exit_code, done.stdout.splitlines()[0]) == (
        0,
        f"{shop.schema}.product\t{len(GOOD['product']) - 1}",
    )
    assert f"dbt build --vars '{{pos_schema: {shop.schema}, " in done.stderr
    assert shop.counts() == sizes(GOOD)
    products = {
        row[0]: row[1:] for row in shop.rows("SELECT id, name, cast(currentPrice AS char) FROM @product")
    }
    assert products[0] == (EMOJI, "0.0001")
    assert products[9223372036854775807] == (None, "-999999999999999.9999")
    assert [products[number][0] for number in range(1, len(NASTY) + 1)] == NASTY
    assert products[1][1] == "12.5000"
    customer = "SELECT id, firstName, lastName, zip, address2, cast(birthdate AS char) FROM @customer"
    assert shop.rows(customer) == [(0, "Zoë", "O'Neil", "02101", None, "1970-02-28")]
    assert shop.rows(
        "SELECT cast(datePlaced AS char), cast(dateShipped AS char), customer_id FROM @`order`"
    ) == [
        ("2024-02-29 00:00:00.000000", "2024-03-01 23:59:59.123456", 0),
        ("2024-02-29 08:00:00.000000", None, 404),
    ]
    assert shop.rows("SELECT COUNT(*) FROM @city WHERE zip IS NULL AND city IS NULL AND state IS NULL") == [
        (1,)
    ]


def test_as_text_keeps_every_value_unchecked(shop: Shop, tmp_path: Path) -> None:
    product = [GOOD["product"][0], ["x", "", "$1,023.99", "lots"], ["x", EMOJI, "", " 1 "]]
    done = shop.load(write(tmp_path / "shop", product=product), "--as-text")
    assert done.exit_code == 0, done.stderr
    assert [list(row) for row in shop.rows("SELECT * FROM @product ORDER BY name")] == product[1:]
    types = f"SELECT DISTINCT data_type FROM information_schema.columns WHERE table_schema = '{shop.schema}'"
    assert shop.rows(types) == [("text",)]


HEADERS = {table.name: [column.name for column in table.columns] for table in TABLES}


@pytest.mark.parametrize(
    ("table", "rows", "line"),
    [
        (
            "product",
            [["1", "a", "$42.99", "1"]],
            "product.csv:2: currentPrice '$42.99' is not a plain decimal number",
        ),
        (
            "product",
            [["1", "a", "0.00001", "1"]],
            "product.csv:2: currentPrice '0.00001' does not fit DECIMAL(19,4)",
        ),
        (
            "product",
            [["1", "x" * 513, "1", "1"]],
            f"product.csv:2: name '{'x' * 60}…' has 513 characters, 512 fit",
        ),
        (
            "product",
            [["1", "a", "1", "1"], ["01", "b", "1", "1"]],
            "product.csv:3: id '01' is already the id of line 2",
        ),
        ("product", [["9223372036854775808", "a", "1", "1"]], "id '9223372036854775808' does not fit BIGINT"),
        (
            "order",
            [["1", "2023-02-29", "", ""]],
            "order.csv:2: datePlaced '2023-02-29' is not a time of the calendar",
        ),
        (
            "order",
            [["1", "0000-00-00", "", ""]],
            "order.csv:2: datePlaced '0000-00-00' is not a time of the calendar",
        ),
        (
            "order",
            [["1", "2024-01-01", "Cancelled", ""]],
            "order.csv:2: dateShipped 'Cancelled' is not a date or time",
        ),
        ("order", [["", "2024-01-01", "", ""]], "order.csv:2: id '' is missing"),
        (
            "order",
            [["1", "2024-01-01", "", ""], ["2", "2024-01-01"]],
            "order.csv:3: has 2 fields, the header has 4",
        ),
        (
            "customer",
            [["1", "a\nb", *[""] * 5, "", ""], ["2", *[""] * 6, "7/4/1970", ""]],
            "customer.csv:4: birthdate",
        ),
        ("orderline", [["1", "1", "1.5"]], "orderline.csv:2: quantity '1.5' is not a whole number"),
        ("orderline", [["1", "\u0661", "1"]], "orderline.csv:2: product_id '\u0661' is not a whole number"),
        ("city", [["1" * 65, "a", "b"]], "city.csv:2: zip"),
    ],
)
def test_a_bad_row_is_named_and_nothing_changes(
    shop: Shop, tmp_path: Path, table: str, rows: Rows, line: str
) -> None:
    assert shop.load(write(tmp_path / "good")).exit_code == 0
    done = shop.load(write(tmp_path / "bad", **{table: [HEADERS[table], *rows]}))
    assert done.exit_code == 1
    assert line in done.stderr
    assert done.stderr.splitlines()[-1].startswith("pos-sandbox: error: 1 fault in the files")
    assert shop.counts() == sizes(GOOD)


def test_headers_missing_files_encoding_and_quotes_are_named(shop: Shop, tmp_path: Path) -> None:
    folder = write(tmp_path / "bad", product=[["id", "Title", "currentPrice", "availableQuantity"]])
    (folder / "city.csv").write_bytes(b"zip,city,state\n1,a,b\n2,Z\xfcrich,ZH\n")
    (folder / "order.csv").write_text('id,datePlaced,dateShipped,customer_id\n1,"2024-01-01"x,,\n')
    (folder / "orderline.csv").rename(folder / "OrderLine.CSV")
    (folder / "customer.csv").write_text("")
    done = shop.load(folder)
    assert done.exit_code == 1
    for expected in (
        "product.csv:1: column name is missing",
        "product.csv:1: column 'Title' is unknown",
        "city.csv:3: is not UTF-8",
        "customer.csv:1: column id is missing",
        "order.csv:2: is not CSV",
        "orderline.csv: the file is missing; rename OrderLine.CSV, which is there",
    ):
        assert expected in done.stderr
    assert shop.counts() == {}


def test_what_dbt_will_speak_of_is_said_with_its_first_place(shop: Shop, tmp_path: Path) -> None:
    orders = [
        ["1", "2024-01-31 10:00:00.123456", "9999-12-31", ""],
        ["2", "0024-01-31", "2024-01-31 10:00:00.123000", ""],
        ["3", "1900-01-01", "2024-01-31 10:00:00.1234", ""],
        ["4", "1970-01-02", "", ""],
    ]
    customer = [HEADERS["customer"], ["1", *[""] * 6, "1900-01-01", ""], ["2", *[""] * 6, "1900-01-02", ""]]
    done = shop.load(write(tmp_path / "shop", order=[HEADERS["order"], *orders], customer=customer))
    assert done.exit_code == 0, done.stderr
    *remarks, following = done.stderr.splitlines()
    assert [remark.removeprefix("pos-sandbox: ").partition(";")[0] for remark in remarks] == [
        "customer.birthdate: 1 value before 1900-01-02 (customer.csv:2: '1900-01-01')",
        "order.datePlaced: 1 value with microseconds (order.csv:2: '2024-01-31 10:00:00.123456')",
        "order.datePlaced: 2 values before 1970-01-02 (order.csv:3: '0024-01-31')",
        "order.dateShipped: 1 value on 9999-12-31 (order.csv:2: '9999-12-31')",
        "order.dateShipped: 1 value with microseconds (order.csv:4: '2024-01-31 10:00:00.1234')",
    ]
    variables = f"pos_schema: {shop.schema}, timestamp_precision: milliseconds"
    assert following == f"pos-sandbox: next: dbt build --vars '{{{variables}}}'"


def test_files_of_another_encoding_are_read_as_it_or_it_is_asked_for(shop: Shop, tmp_path: Path) -> None:
    folder = write(tmp_path / "shop")
    (folder / "city.csv").write_bytes("zip,city,state\n8001,Zürich,ZH\n".encode("cp1252"))
    refused = shop.load(folder)
    assert refused.exit_code == 1
    assert (
        "city.csv:2: is not UTF-8; name the encoding of the files, such as --encoding cp1252"
        in refused.stderr
    )
    assert refused.stderr.splitlines()[-1].endswith("nothing was imported; correct them")
    (folder / "customer.csv").write_text(",".join(HEADERS["customer"]))
    (folder / "product.csv").write_text(",".join(HEADERS["product"]))
    assert shop.load(folder, "--encoding=cp1252").exit_code == 0
    assert shop.rows("SELECT city FROM @city") == [("Zürich",)]
    unknown = shop.load(folder, "--encoding=klingon")
    assert (unknown.exit_code, unknown.stderr.count("\n")) == (2, 1)
    assert "there is no encoding 'klingon' (--encoding)" in unknown.stderr


def test_lines_may_lack_what_staging_does_without(shop: Shop, tmp_path: Path) -> None:
    lines = [HEADERS["orderline"], ["", "1", "1"], ["1", "", "1"], ["1", "1", ""]]
    assert shop.load(write(tmp_path / "shop", orderline=lines)).exit_code == 0
    assert shop.rows("SELECT COUNT(*) FROM @orderline WHERE order_id IS NULL OR product_id IS NULL") == [(2,)]


def test_a_text_of_more_bytes_than_a_column_holds_is_named(shop: Shop, tmp_path: Path) -> None:
    rows = [HEADERS["product"], ["1", "é" * 32_767, "", ""], ["2", "é" * 32_768, "", ""]]
    done = shop.load(write(tmp_path / "shop", product=rows), "--as-text")
    assert done.exit_code == 1
    assert "product.csv:3: name 'ééé" in done.stderr
    assert done.stderr.count("has more than 65535 bytes") == 1


def test_names_in_headers_count_without_case(shop: Shop, tmp_path: Path) -> None:
    rows = [["STATE", "Zip", "city"], ["MA", "02101", "Boston"]]
    assert shop.load(write(tmp_path / "good", city=rows)).exit_code == 0
    assert shop.rows("SELECT * FROM @city") == [("02101", "Boston", "MA")]
    done = shop.load(write(tmp_path / "bad", city=[["zip", "ZIP", "city", "state"]]))
    assert "city.csv:1: column zip is there twice" in done.stderr


def test_a_table_with_a_history_is_kept(shop: Shop, tmp_path: Path) -> None:
    assert shop.load(write(tmp_path / "good")).exit_code == 0
    with mariadb.connect(port=shop._port) as connection:
        connection.cursor().execute(f"ALTER TABLE `{shop.schema}`.product ADD SYSTEM VERSIONING")
    done = shop.load(write(tmp_path / "more"))
    assert done.exit_code == 2
    assert done.stderr == (
        "pos-sandbox: error: product is system-versioned, and an import would drop its history "
        f"(schema {shop.schema}); use another --schema\n"
    )


def test_twenty_faults_are_shown_in_order_and_all_are_counted(shop: Shop, tmp_path: Path) -> None:
    good = csv_files.CHUNK_ROWS  # so that the faults lie in the second chunk
    lines = [["1", "1", "1"]] * good + [["1", "1", "many"]] * 30
    done = shop.load(write(tmp_path / "bad", orderline=[HEADERS["orderline"], *lines]))
    shown = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in shown[:-1]] == [
        f"orderline.csv:{good + 2 + n}" for n in range(20)
    ]
    assert "30 faults in the files, the first 20 shown" in shown[-1]


def test_a_failure_of_the_server_leaves_the_earlier_import(shop: Shop, tmp_path: Path) -> None:
    assert shop.load(write(tmp_path / "good")).exit_code == 0
    with mariadb.connect(port=shop._port) as connection:
        # a directory where the last table's file belongs: creating it fails after four were loaded
        cursor = connection.cursor()
        cursor.execute("SELECT @@datadir")
        blocked = Path(cursor.fetchone()[0]) / shop.schema / "orderline__incoming.ibd"
    blocked.mkdir()
    try:
        done = shop.load(write(tmp_path / "more", city=[HEADERS["city"], ["1", "a", "b"]]))
    finally:
        blocked.rmdir()
    assert done.exit_code == 3
    assert "MariaDB refused the import" in done.stderr
    assert shop.counts() == sizes(GOOD)


def test_a_second_import_replaces_the_first(shop: Shop, tmp_path: Path) -> None:
    assert shop.load(write(tmp_path / "first")).exit_code == 0
    assert shop.load(write(tmp_path / "second", orderline=[HEADERS["orderline"]])).exit_code == 0
    assert shop.counts() == {**sizes(GOOD), "orderline": 0}


def test_an_import_waits_for_no_other(shop: Shop, tmp_path: Path) -> None:
    with mariadb.connect(port=shop._port) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SELECT GET_LOCK('pos-sandbox import {shop.schema}', 0)")
        assert cursor.fetchone() == (1,)
        done = shop.load(write(tmp_path / "shop"))
    assert done.exit_code == 2
    assert "another import is running" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["--schema=mysql"], 2, "schema 'mysql' is not usable"),
        (["--schema=a`b"], 2, "is not usable"),
        (["--port=9"], 3, "no connection to MariaDB"),
        (["--password=s3cret"], 3, "no connection to MariaDB: "),
    ],
)
def test_wrong_options_are_one_line(
    shop: Shop, tmp_path: Path, arguments: list[str], code: int, expected: str
) -> None:
    done = shop.load(write(tmp_path / "shop"), *arguments)
    assert done.exit_code == code
    assert expected in done.stderr
    assert "s3cret" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_folder_is_one_line(shop: Shop, tmp_path: Path) -> None:
    done = shop.load(tmp_path / "nowhere")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def _real_data_sets() -> list[Path]:
    folder = os.environ.get("POS_DATA_DIR")
    return sorted(path.parent for path in Path(folder).glob("*/orderline.csv")) if folder else []


@pytest.mark.parametrize(
    "source", [None, *_real_data_sets()], ids=lambda source: source.name if source else "made here"
)
def test_a_whole_data_set_is_counted_and_summed(shop: Shop, tmp_path: Path, source: Path | None) -> None:
    folder = source or write(tmp_path / "shop")
    expected, quantity = {}, 0
    for table in HEADERS:
        with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        expected[table] = len(rows)
        quantity = sum(int(row["quantity"]) for row in rows) if table == "orderline" else 0
    done = shop.load(folder)
    assert done.exit_code == 0, done.stderr
    assert shop.counts() == expected
    assert shop.rows("SELECT SUM(quantity) FROM @orderline") == [(quantity,)]


@pytest.mark.parametrize("name", ["product", "city__outgoing"])
def test_tables_that_no_import_made_are_not_replaced(shop: Shop, tmp_path: Path, name: str) -> None:
    """A live shop's, say."""
    with mariadb.connect(port=shop._port) as connection:
        connection.cursor().execute(f"CREATE TABLE `{shop.schema}`.{name} (id int PRIMARY KEY, name text)")
        connection.cursor().execute(f"INSERT INTO `{shop.schema}`.{name} VALUES (7, 'theirs')")
    done = shop.load(write(tmp_path / "shop"))
    assert (done.exit_code, done.stderr) == (
        2,
        f"pos-sandbox: error: {name} was not made by an import (schema {shop.schema}); use another --schema, "
        "or give --replace to drop what is there\n",
    )
    assert shop.counts() == {name: 1}
    assert shop.load(tmp_path / "shop", "--replace").exit_code == 0
    assert shop.counts() == sizes(GOOD)


@pytest.mark.parametrize("options", [(), ("--as-text",)])
def test_tables_of_an_earlier_version_of_the_import_are_replaced(
    shop: Shop, tmp_path: Path, options: Sequence[str]
) -> None:
    """They have no mark."""
    assert shop.load(write(tmp_path / "first"), *options).exit_code == 0
    with mariadb.connect(port=shop._port) as connection:
        for table in TABLES:
            connection.cursor().execute(f"ALTER TABLE `{shop.schema}`.`{table.name}` COMMENT ''")
            for column in table.columns if not options else ():
                if column.kind.sql.startswith("varchar"):
                    size = 32 if column.name == "zip" else 500
                    connection.cursor().execute(
                        f"ALTER TABLE `{shop.schema}`.`{table.name}` MODIFY `{column.name}` varchar({size})"
                    )
    assert shop.load(tmp_path / "first").exit_code == 0
