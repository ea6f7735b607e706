"""A small collection, its documents, a server of its own, and a proxy that loses the server's answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import bson
import pyarrow as pa
from bson.int64 import Int64

from pos_loader.collection import BsonType, Collection, Documents, Field, Index, Level, Partition
from pos_sandbox import mongo_tools, single
from pos_sandbox.process import HOST, Deadline, start, stop, wait_for
from pos_sandbox.settings import cache_folder

WHOLE = Partition(index=0, lo=None, hi=None)
STATES = ("CA", "NY", "TX", "WA")

_LINES = Level(
    name="lines",
    path="orders.lines",
    model="fct_order_lines",
    schema="analytics",
    table="fct_order_lines",
    key=("customer_id", "order_id", "line_number"),
    fields=(
        Field("quantity", "quantity", BsonType.INT64, "bigint", nullable=False),
        Field("notes", "notes", BsonType.JSON, "json", nullable=True),
    ),
    max_items=3,
)
_ORDERS = Level(
    name="orders",
    path="orders",
    model="fct_orders",
    schema="analytics",
    table="fct_orders",
    key=("customer_id", "order_id"),
    fields=(
        Field("order_id", "order_id", BsonType.INT64, "bigint", nullable=False),
        Field("shipped_at", "shipped_at", BsonType.DATE, "datetime(6)", nullable=True, keep_null=True),
    ),
    children=(_LINES,),
)
_RETURNS = Level(
    name="returns",
    path="returns",
    model="fct_returns",
    schema="analytics",
    table="fct_returns",
    key=("customer_id", "return_id"),
    fields=(Field("return_id", "return_id", BsonType.INT32, "int", nullable=False),),
)
ROOT = Level(
    name="",
    model="dim_customers",
    schema="analytics",
    table="dim_customers",
    key=("customer_id",),
    fields=(
        Field("customer_id", "_id", BsonType.INT64, "bigint", nullable=False),
        Field("state", "state", BsonType.STRING, "varchar(2)", nullable=True),
        Field("email", "email", BsonType.STRING, "varchar(80)", nullable=True),
        Field("profile", "profile", BsonType.JSON, "json", nullable=True),
    ),
    children=(_ORDERS, _RETURNS),
)


def declare(
    database: str,
    *indexes: Index,
    shard_key: Mapping[str, int | str] | None = None,
    name: str = "customers",
    chunks: int | None = None,
) -> Collection:
    """A collection of customers with orders, lines and returns; hashed by `_id` unless told otherwise."""
    key = {"_id": "hashed"} if shard_key is None else shard_key
    return Collection(name, database, name, ROOT, tuple(key.items()), indexes, chunks=chunks)


def customer(key: Any, **fields: Any) -> dict[str, Any]:
    """One customer's document with two orders."""
    orders = [
        {"order_id": Int64(10 * number), "shipped_at": None, "lines": [{"quantity": Int64(number)}] * number}
        for number in (1, 2)
    ]
    number = key if isinstance(key, int) else 0
    document = {"_id": key, "state": STATES[number % len(STATES)], "email": f"c{key}@example.com"}
    return {**document, "orders": orders, "returns": [], **fields}


def customers(count: int, *, start: int = 0) -> list[dict[str, Any]]:
    """Yield `count` customers in key order."""
    return [customer(Int64(key)) for key in range(start, start + count)]


def documents(found: Iterable[Mapping[str, Any]]) -> Documents:
    """Encode dicts, in key order, as the encoder hands them on."""
    rows = list(found)
    keys = pa.array([row["_id"] for row in rows], pa.string() if _is_text(rows) else pa.int64())
    return Documents(keys, pa.array([bson.encode(row) for row in rows], pa.binary()), rows={})


def _is_text(rows: list[Mapping[str, Any]]) -> bool:
    return bool(rows) and isinstance(rows[0]["_id"], str)


@contextmanager
def own_server(folder: Path, port: int, *, replica_set: bool = True) -> Iterator[str]:
    """Start a native MongoDB of one member, outside of any cluster; yield its address."""
    server = single.server(folder, port, cache_gb=0.25, replica_set=replica_set)
    process = start(server, mongo_tools.find_native(cache_folder(), print))
    try:
        wait_for(server, process, lambda: single.primary(port), deadline=Deadline(180))
        yield f"mongodb://{HOST}:{port}"
    finally:
        stop([process], grace=30)


def command(name: str) -> bytes:
    """What marks a command in MongoDB's messages: a field of text or array that bears its name."""
    return b"\x02" + name.encode() + b"\0"


class AnswerLosingProxy:
    """Forwards to a server; `lose` times it cuts the line when what holds `marker` has been answered.

    So the server has done the work, and the client cannot know.
    """

    def __init__(self, host: str, port: int, *, marker: bytes, lose: int) -> None:
        self._target = (host, port)
        self._marker = marker
        self._lock = threading.Lock()
        self.left = lose
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> AnswerLosingProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        doomed = threading.Event()
        with client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=self._answer, args=(server, client, doomed), daemon=True)
            back.start()
            with suppress(OSError):
                while data := client.recv(65536):
                    if self._marker in data:
                        self._doom(doomed)
                    server.sendall(data)
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            back.join()

    def _doom(self, doomed: threading.Event) -> None:
        with self._lock:
            if self.left > 0:
                self.left -= 1
                doomed.set()

    @staticmethod
    def _answer(server: socket.socket, client: socket.socket, doomed: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if doomed.is_set():
                    break
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
