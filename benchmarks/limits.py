"""The limits of the two databases, with which the loader is compared."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import bson
from pymongo import IndexModel, MongoClient
from pymongo.uri_parser import parse_uri

OP_MSG = 2013
BATCH_DOCUMENTS, BATCH_BYTES = 100_000, 46_000_000
"""maxWriteBatchSize, and maxMessageSizeBytes with room for the command."""


def scan(port: int, schema: str, tables: Sequence[str]) -> None:
    """Read all rows and columns with the server's own client, and discard them."""
    statements = "; ".join(f"select * from `{schema}`.`{table}`" for table in tables)
    command = [
        "mariadb",
        "--protocol=tcp",
        "--host=127.0.0.1",
        f"--port={port}",
        "--user=pos",
        "--password=pos",
    ]
    command += ["--quick", "--skip-column-names", "--batch", f"--execute={statements}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def dump(uri: str, database: str, collection: str, file: Path) -> int:
    """Write a collection's documents one after another, as mongodump does; return their number."""
    partial = file.with_suffix(".partial")
    with MongoClient[dict[str, Any]](uri) as client, partial.open("wb") as out:
        for batch in client[database][collection].find_raw_batches(batch_size=1_000_000):
            out.write(cast(bytes, batch))
        count = client[database][collection].count_documents({})
    partial.rename(file)
    return count


def create(uri: str, database: str, collection: str, *, like: str = "") -> None:
    """Replace the collection by an empty one; a cluster shards it like ours: by hashed `_id`, in chunks.

    With `like`, it has the validator and indexes of that collection.
    """
    with MongoClient[dict[str, Any]](uri) as client:
        home = client[database]
        home.drop_collection(collection)
        options = next(home.list_collections(filter={"name": like}))["options"] if like else {}
        home.create_collection(collection, **options)
        if client.admin.command("hello").get("msg") == "isdbgrid":
            client.admin.command("shardCollection", f"{database}.{collection}", key={"_id": "hashed"})
    if like:
        index(uri, database, collection, like=like)


def insert(uri: str, database: str, collection: str, documents: bytes, *, connections: int) -> None:
    """Send encoded documents, unordered, with majority and journal, over `connections` connections.

    A batch is one OP_MSG whose document sequence is a piece of them, so the client does almost nothing.
    Source: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_msg
    """
    (host, port), *_ = parse_uri(uri)["nodelist"]
    batches = _batches(memoryview(documents))
    lock, errors = threading.Lock(), []

    def send() -> None:
        with socket.create_connection((host, port)) as connection:
            while True:
                with lock:
                    batch = next(batches, None)
                if batch is None:
                    return
                reply = _insert(connection, database, collection, batch)
                if not reply.get("ok") or reply.get("writeErrors") or reply.get("writeConcernError"):
                    errors.append(str(reply)[:300])
                    return

    threads = [threading.Thread(target=send) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError(errors[0])


def index(uri: str, database: str, collection: str, *, like: str) -> None:
    """Give a collection the secondary indexes of another."""
    with MongoClient[dict[str, Any]](uri) as client:
        home = client[database]
        models = [
            IndexModel(list(each["key"].items()), **_options(each))
            for each in home[like].list_indexes()
            if each["name"] != "_id_"
        ]
        if models:
            home[collection].create_indexes(models)


def _options(index: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in index.items() if name not in ("v", "key", "ns")}


def _batches(view: memoryview) -> Iterator[memoryview]:
    first = position = count = 0
    while position < len(view):
        size = struct.unpack_from("<i", view, position)[0]
        if position + size - first > BATCH_BYTES or count == BATCH_DOCUMENTS:
            yield view[first:position]
            first, count = position, 0
        position, count = position + size, count + 1
    yield view[first:position]


def _insert(connection: socket.socket, database: str, collection: str, batch: memoryview) -> dict[str, Any]:
    command = bson.encode(
        {
            "insert": collection,
            "$db": database,
            "ordered": False,
            "writeConcern": {"w": "majority", "j": True},
        }
    )
    name = b"documents\0"
    size = 16 + 4 + 1 + len(command) + 1 + 4 + len(name) + len(batch)
    head = struct.pack("<iiiiI", size, 1, 0, OP_MSG, 0) + b"\0" + command + b"\x01"
    connection.sendall(head + struct.pack("<i", 4 + len(name) + len(batch)) + name)
    connection.sendall(batch)
    length = struct.unpack("<i", _exactly(connection, 4))[0]
    return bson.decode(_exactly(connection, length - 4)[12 + 4 + 1 :])


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise ConnectionError(json.dumps({"expected": size, "got": len(parts)}))
        parts += part
    return bytes(parts)
