"""The scripts that people write instead: the same documents, from the same marts, to the same server.

The empty collections are made before the timer starts.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

import MySQLdb
import MySQLdb.cursors
import orjson
from bson.decimal128 import Decimal128
from pymongo import MongoClient, ReplaceOne

from benchmarks.columns import CUSTOMER, LINE, ORDER, camel, converted
from benchmarks.setting import Setting

Document = dict[str, Any]
BATCH = 1000


def by_hand(setting: Setting) -> None:
    """Three ordered cursors, groupby, Decimal128, insert_many."""
    with MongoClient[Document](setting.mongo_uri, w="majority", journal=True) as client:
        collection = client[setting.database]["by_hand"]
        for batch in _batches(_documents(setting, converted)):
            collection.insert_many(batch, ordered=False)


def upserts(setting: Setting) -> None:
    """The same, but each document replaces the one with its key, so that the script can run again."""
    with MongoClient[Document](setting.mongo_uri, w="majority", journal=True) as client:
        collection = client[setting.database]["upserts"]
        for batch in _batches(_documents(setting, converted)):
            requests = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in batch]
            collection.bulk_write(requests, ordered=False)


def tuned(setting: Setting) -> None:
    """The fastest script that we know: cached decimals, no garbage collection, two processes."""
    with MySQLdb.connect(**_connection(setting)) as connection, connection.cursor() as cursor:
        cursor.execute("select min(customer_id), max(customer_id) from dim_customers")
        ((first, last),) = cursor.fetchall()
    middle = (first + last) // 2
    context = multiprocessing.get_context("fork")
    halves = [
        context.Process(target=_tuned_part, args=(setting, where))
        for where in (f"customer_id < {middle}", f"customer_id >= {middle}")
    ]
    for process in halves:
        process.start()
    for process in halves:
        process.join()
    if any(process.exitcode for process in halves):
        raise RuntimeError("a process of the tuned script failed")


def _tuned_part(setting: Setting, where: str) -> None:
    gc.disable()
    with MongoClient[Document](setting.mongo_uri, w="majority", journal=True) as client:
        collection = client[setting.database]["tuned"]
        for batch in _batches(_documents(setting, _converted_by_cache, where=where)):
            collection.insert_many(batch, ordered=False)


def json_arrayagg(setting: Setting) -> None:
    """MariaDB nests and orjson parses; decimals become doubles and dates texts, so the documents differ."""
    lines = ", ".join(f"'{camel(name)}', {name}" for name in LINE)
    orders = ", ".join(f"'{camel(name)}', o.{name}" for name in ORDER)
    customer = ", ".join(f"'{camel(name)}', c.{name}" for name in CUSTOMER[1:])
    sql = (
        "with l as (select customer_id, order_id, "
        f"json_arrayagg(json_object({lines}) order by line_number) as a "
        "from fct_order_lines group by customer_id, order_id), n as (select o.customer_id, json_arrayagg("
        f"json_object({orders}, 'lines', json_query(coalesce(l.a, '[]'), '$')) "
        "order by o.placed_at, o.order_id) as a "
        "from fct_orders as o left join l using (customer_id, order_id) group by o.customer_id) "
        f"select json_object('_id', c.customer_id, {customer}, "
        "'orders', json_query(coalesce(n.a, '[]'), '$')) "
        "from dim_customers as c left join n using (customer_id)"
    )
    with MongoClient[Document](setting.mongo_uri, w="majority", journal=True) as client:
        collection = client[setting.database]["json"]
        with MySQLdb.connect(**_connection(setting)) as connection, connection.cursor() as cursor:
            cursor.execute("set session group_concat_max_len = 1073741824")
            cursor.execute(sql)
            for batch in _batches(orjson.loads(text) for (text,) in cursor):
                collection.insert_many(batch, ordered=False)


def _connection(setting: Setting) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": setting.mariadb_port,
        "user": "pos",
        "password": "pos",
        "database": setting.schema,
        "charset": "utf8mb4",
        "cursorclass": MySQLdb.cursors.SSCursor,
    }


def _rows(setting: Setting, table: str, columns: Sequence[str], order: str, where: str) -> Iterator[Any]:
    with MySQLdb.connect(**_connection(setting)) as connection, connection.cursor() as cursor:
        cursor.execute(f"select {', '.join(columns)} from {table} where {where} order by {order}")
        yield from cursor


def _documents(
    setting: Setting, convert: Callable[[Any], Any], *, where: str = "customer_id >= 0"
) -> Iterator[Document]:
    """Merge the three tables by customer and order."""
    key, order_key = itemgetter(0), itemgetter(0, 1)
    lines = _Groups(
        _rows(
            setting,
            "fct_order_lines",
            ("customer_id", "order_id", *LINE),
            "customer_id, order_id, line_number",
            where,
        ),
        order_key,
    )
    orders = _Groups(
        _rows(setting, "fct_orders", ("customer_id", *ORDER), "customer_id, placed_at, order_id", where), key
    )
    names, order_names, line_names = (list(map(camel, each)) for each in (CUSTOMER[1:], ORDER, LINE))
    for customer in _rows(setting, "dim_customers", CUSTOMER, "customer_id", where):
        document = {"_id": customer[0]}
        document.update(_pairs(names, customer[1:], convert))
        mine = {each[1]: _pairs(order_names, each[1:], convert) for each in orders.of(customer[0])}
        for order_id in sorted(mine):
            found = lines.of((customer[0], order_id))
            mine[order_id]["lines"] = [_pairs(line_names, each[2:], convert) for each in found]
        document["orders"] = list(mine.values())
        yield document


class _Groups:
    """Ordered rows by key, taken in key order."""

    def __init__(self, rows: Iterator[Any], key: Callable[[Any], Any]) -> None:
        self._groups = groupby(rows, key)
        self._next: tuple[Any, list[Any]] | None = None
        self._advance()

    def _advance(self) -> None:
        found = next(self._groups, None)
        self._next = None if found is None else (found[0], list(found[1]))

    def of(self, key: Any) -> list[Any]:
        while self._next is not None and self._next[0] < key:
            self._advance()
        if self._next is None or self._next[0] != key:
            return []
        rows = self._next[1]
        self._advance()
        return rows


def _pairs(names: Sequence[str], row: Sequence[Any], convert: Callable[[Any], Any]) -> Document:
    return {name: convert(value) for name, value in zip(names, row, strict=True) if value is not None}


_cached = lru_cache(maxsize=None)(Decimal128)


def _converted_by_cache(value: Any) -> Any:
    return _cached(value) if type(value) is Decimal else converted(value)


def _batches(documents: Iterator[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in documents:
        batch.append(document)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
