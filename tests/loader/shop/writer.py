"""A shop that stays open: its writer logs each transaction with its GTID, and the log can be replayed.

The shop's data is clean, and its prices never change, so that `expected.py` can compute every mart from it.
"""

from __future__ import annotations

import copy
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pos_sandbox import mariadb
from tests.loader.shop.servers import Server
from tests.project.sources import HEADERS, column_type

PER_SECOND = 50
PRICES = [Decimal(price) for price in ("0.9900", "10.0000", "19.9900", "1023.9900", "3.3333", "7.5000")]
CITIES = [("77002", "HOUSTON", "TX"), ("10001", "NEW YORK", "NY"), ("94217", "BRISBANE", "CA")]
CUSTOMERS = 30
Tables = dict[str, dict[Any, Any]]
"""Rows by key; the rows of `orderline` are a list for each order."""
Change = tuple[str, Any, Any]
"""A table, a key, and the row that it has from now on; None where it is gone."""


def first_tables() -> Tables:
    """What the shop holds before the writer begins."""
    return {
        "product": {key: (key, f"Product {key}", price, 10_000) for key, price in enumerate(PRICES)},
        "city": {zip_: (zip_, city, state) for zip_, city, state in CITIES},
        "customer": {key: _customer(key, CITIES[key % 3][0]) for key in range(CUSTOMERS)},
        "order": {},
        "orderline": {},
    }


def _customer(key: int, zip_: str) -> tuple[Any, ...]:
    return (key, f"First{key}", f"Last{key}", f"c{key}@example.com", "1 Street", None, None, None, zip_)


def open_shop(server: Server, schema: str) -> Tables:
    """Make the shop's tables, as InnoDB with the keys that shops have."""
    server.query(f"create or replace database {schema} character set utf8mb4")
    tables = first_tables()
    for name, header in HEADERS.items():
        keys = {"orderline": ", key (order_id)", "city": ", primary key (zip)"}.get(
            name, ", primary key (id)"
        )
        columns = ", ".join(f"`{column}` {column_type(column)}" for column in header)
        server.query(f"create table {schema}.`{name}` ({columns}{keys})")
        if tables[name]:
            marks = ", ".join(["%s"] * len(header))
            server.query(f"insert into {schema}.`{name}` values ({marks})", list(tables[name].values()))
    return tables


def replayed(tables: Tables, log: Sequence[tuple[int, Sequence[Change]]], number: int) -> Tables:
    """The tables after the transactions up to this number of the shop's GTID domain."""
    found = copy.deepcopy(tables)
    for logged, changes in log:
        if logged <= number:
            for table, key, row in changes:
                found[table].pop(key, None) if row is None else found[table].update({key: row})
    return found


def number_of(gtid: str, domain: int = 1) -> int:
    """The number of a domain in a position such as `1-1-345,2-2-7`."""
    parts = (position.split("-") for position in gtid.split(","))
    return next(int(part[2]) for part in parts if int(part[0]) == domain)


@dataclass
class Writer:
    """Writes in the background as long as its `with` block lasts, 50 transactions a second.

    `log` holds the number of each transaction's GTID with its changes; `waits` the seconds that each
    transaction took; `fault` what ended the writer early.
    """

    server: Server
    schema: str
    tables: Tables
    log: list[tuple[int, list[Change]]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    fault: str = ""

    def __enter__(self) -> Writer:
        self.now = copy.deepcopy(self.tables)
        self._chance, self._stop = random.Random(7), threading.Event()  # noqa: S311
        self._thread = threading.Thread(target=self._write, name="writer")
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.per_second = len(self.log) / (time.monotonic() - self._began)

    def until(self, transactions: int) -> None:
        """Wait until this number of transactions is written."""
        while len(self.log) < transactions:
            assert not self.fault, self.fault
            time.sleep(0.05)

    def _write(self) -> None:
        try:
            with mariadb.connect(port=self.server.port) as connection:
                cursor = connection.cursor()
                cursor.execute(f"use {self.schema}")
                due = time.monotonic()
                while not self._stop.is_set():
                    statements, changes = self._next()
                    began = time.monotonic()
                    cursor.execute("start transaction")
                    for statement, values in statements:
                        cursor.execute(statement, values)
                    cursor.execute("commit")
                    self.waits.append(time.monotonic() - began)
                    cursor.execute("select @@last_gtid")
                    self.log.append((number_of(cursor.fetchone()[0]), changes))
                    for table, key, row in changes:
                        self.now[table].pop(key, None) if row is None else self.now[table].update({key: row})
                    due += 1 / PER_SECOND
                    self._stop.wait(max(0, due - time.monotonic()))
        except Exception as error:
            self.fault = repr(error)

    def _next(self) -> tuple[list[tuple[str, tuple[Any, ...]]], list[Change]]:
        orders = self.now["order"]
        kind = self._chance.random()
        if kind < 0.6 or len(orders) < 5:
            return self._place()
        if kind < 0.8:
            key, placed, _, customer = self._chance.choice(list(orders.values()))
            shipped = max(_now(), placed)
            return (
                [("update `order` set dateShipped = %s where id = %s", (shipped, key))],
                [("order", key, (key, placed, shipped, customer))],
            )
        if kind < 0.9:
            customer = self._chance.choice(list(self.now["customer"].values()))
            zip_ = self._chance.choice(CITIES)[0]
            return (
                [("update customer set zip = %s where id = %s", (zip_, customer[0]))],
                [("customer", customer[0], (*customer[:-1], zip_))],
            )
        key = self._chance.choice(list(orders))
        return (
            [
                ("delete from orderline where order_id = %s", (key,)),
                ("delete from `order` where id = %s", (key,)),
            ],
            [("orderline", key, None), ("order", key, None)],
        )

    def _place(self) -> tuple[list[tuple[str, tuple[Any, ...]]], list[Change]]:
        """Place an order of one to three lines; a product may be on two of them."""
        key = max(self.now["order"], default=0) + 1 + self._chance.randrange(2)
        order = (key, _now(), None, self._chance.randrange(CUSTOMERS))
        lines = [
            (key, self._chance.randrange(len(PRICES)), self._chance.randrange(1, 9))
            for _ in range(self._chance.randrange(1, 4))
        ]
        statements: list[tuple[str, tuple[Any, ...]]] = [
            ("insert into `order` values (%s, %s, %s, %s)", order)
        ]
        changes: list[Change] = [("order", key, order), ("orderline", key, lines)]
        stock = dict(self.now["product"])
        for line in lines:
            statements.append(("insert into orderline values (%s, %s, %s)", line))
            product, name, price, left = stock[line[1]]
            stock[product] = (product, name, price, left - line[2])
            statements.append(
                ("update product set availableQuantity = %s where id = %s", (left - line[2], product))
            )
            changes.append(("product", product, stock[product]))
        return statements, changes


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
