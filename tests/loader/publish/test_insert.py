"""Inserts into a real cluster: accepted, refused, and with connections that break at the worst moment."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from bson.int64 import Int64
from pymongo.uri_parser import parse_uri

from pos_loader.collection import Index
from pos_loader.errors import ConnectionFailed
from pos_loader.publish import insert, layout
from pos_loader.servers import mongo, mongo_client
from pos_loader.verify import every_byte
from tests.loader.mongo_helpers import (
    WHOLE,
    AnswerLosingProxy,
    command,
    customer,
    customers,
    declare,
    documents,
)


@pytest.fixture(scope="module")
def shared(client: mongo.Client, topology: mongo_client.Topology, database: str) -> mongo.Handle:
    unique = Index((("_id", 1), ("email", 1)), {"unique": True})
    return layout.create(client, declare(database, unique), "customers", topology=topology)


@pytest.fixture
def handle(shared: mongo.Handle) -> mongo.Handle:
    shared.delete_many({})
    return shared


@pytest.fixture
def target(servers: Any) -> tuple[str, int]:
    host, port = parse_uri(servers.mongo_uri)["nodelist"][0]
    assert port is not None
    return host, port


def test_all_documents_arrive_as_they_are(handle: mongo.Handle) -> None:
    rows = customers(500)
    assert insert.insert(handle, documents(rows)) == ()
    assert list(handle.find(sort=[("_id", 1)])) == rows


def test_a_slice_and_nothing_at_all(handle: mongo.Handle) -> None:
    whole = documents(customers(10))
    assert insert.insert(handle, type(whole)(whole.keys[3:6], whole.bson[3:6], rows={})) == ()
    assert insert.insert(handle, documents([])) == ()
    assert [row["_id"] for row in handle.find(sort=[("_id", 1)])] == [3, 4, 5]


def test_writes_are_acknowledged_by_the_majority(handle: mongo.Handle) -> None:
    assert handle.write_concern.document == {"w": "majority", "j": True, "wtimeout": 30_000}
    assert handle.read_concern.level == "majority"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"orders": [{"order_id": 1, "shipped_at": None, "lines": []}]}, "orders.0.order_id is int 1, "),
        ({"orders": [{"order_id": Int64(1), "shipped_at": None}]}, "orders.0.lines is missing"),
        (
            {"orders": [{"order_id": Int64(1), "shipped_at": None, "lines": [{"quantity": Int64(1)}] * 4}]},
            "orders.0.lines has 4 items, the validator wants maxItems 3",
        ),
        ({"state": None}, "state is null None, the validator wants bsonType string"),
        ({"returns": 5}, "returns is int 5, the validator wants bsonType array"),
    ],
)
def test_what_the_validator_refuses_is_named(
    handle: mongo.Handle, fields: dict[str, Any], message: str
) -> None:
    rows = [*customers(5), customer(Int64(7), **fields), customer(Int64(8), **fields)]
    first, second = insert.insert(handle, documents(rows))
    assert message in first.reason
    assert (first.position, second.position) == (5, 6)
    assert first.code == second.code == insert.FAILED_VALIDATION
    assert handle.count_documents({}) == 5, "the others are written"


def test_an_id_that_is_there_already_is_refused(handle: mongo.Handle) -> None:
    insert.insert(handle, documents(customers(3)))
    (refused,) = insert.insert(handle, documents(customers(3, start=2)))
    assert (refused.position, refused.code) == (0, insert.DUPLICATE_KEY)
    assert "E11000 duplicate key" in refused.reason


def test_a_unique_index_refuses(client: mongo.Client, topology: mongo_client.Topology, database: str) -> None:
    unique = Index((("email", 1),), {"unique": True})
    declared = declare(database, unique, shard_key={}, name="by_email")
    handle = layout.create(client, declared, "by_email", topology=topology)
    rows = [customer(Int64(key), email="same@example.com") for key in (1, 2)]
    (refused,) = insert.insert(handle, documents(rows))
    assert (refused.position, refused.code) == (1, insert.DUPLICATE_KEY)
    assert "email_1" in refused.reason


def test_a_document_over_16_mib_is_not_sent(handle: mongo.Handle) -> None:
    rows = [customer(Int64(1)), customer(Int64(2), profile={"text": "x" * mongo.MAX_DOCUMENT_BYTES})]
    (refused,) = insert.insert(handle, documents(rows))
    assert (refused.position, refused.code) == (1, insert.TOO_LARGE)
    assert re.fullmatch(r"16777\d\d\d bytes, MongoDB allows 16777216", refused.reason)
    assert [row["_id"] for row in handle.find()] == [1]


def test_a_document_of_exactly_16_mib_is_written_and_verified(handle: mongo.Handle) -> None:
    empty = documents([customer(Int64(1), profile="")]).nbytes
    rows = documents([customer(Int64(1), profile="x" * (mongo.MAX_DOCUMENT_BYTES - empty))])
    assert rows.nbytes == mongo.MAX_DOCUMENT_BYTES
    assert insert.insert(handle, rows) == ()
    assert every_byte.compare(handle, rows, WHOLE) == every_byte.Comparison(same=1)


def test_batches_fit_one_message_and_lose_nothing() -> None:
    most = mongo.MAX_DOCUMENT_BYTES
    sizes = np.array([1, most - 2, 1, 1, most + 1, 2, most, most // 2, most // 2, 1])
    offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)
    cut = list(insert.batches(offsets))
    assert cut == [(0, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 9), (9, 10)]
    many = list(insert.batches(np.arange(250_001, dtype=np.int32)))
    assert many == [(0, 100_000), (100_000, 200_000), (200_000, 250_000)]
    assert list(insert.batches(np.zeros(1, np.int32))) == []


@pytest.mark.parametrize("lost", [1, 3])
def test_answers_lost_on_the_way_back_change_nothing(
    handle: mongo.Handle, target: tuple[str, int], lost: int
) -> None:
    """Each lost answer causes a retry, which finds its own documents already there."""
    rows = documents(customers(50))
    with (
        AnswerLosingProxy(*target, marker=command("insert"), lose=lost) as proxy,
        mongo_client.connect(f"mongodb://127.0.0.1:{proxy.port}/") as through,
    ):
        assert insert.insert(through[handle.database.name][handle.name], rows) == ()
        assert proxy.left == 0
    assert every_byte.compare(handle, rows, WHOLE) == every_byte.Comparison(same=50)


def test_a_retry_does_not_hide_a_document_that_differs(handle: mongo.Handle, target: tuple[str, int]) -> None:
    """A retry accepts a foreign document with the same id, and verify finds it afterwards."""
    handle.insert_one(customer(Int64(7), state="ZZ"))
    rows = documents(customers(50))
    with (
        AnswerLosingProxy(*target, marker=command("insert"), lose=2) as proxy,
        mongo_client.connect(f"mongodb://127.0.0.1:{proxy.port}/") as through,
    ):
        insert.insert(through[handle.database.name][handle.name], rows)
    comparison = every_byte.compare(handle, rows, WHOLE)
    assert comparison.changed == (7,)
    assert (comparison.same, comparison.differences[0].path) == (49, "state")


def test_a_server_that_stays_away_is_a_connection_error(
    handle: mongo.Handle, target: tuple[str, int]
) -> None:
    with AnswerLosingProxy(*target, marker=command("insert"), lose=1000) as proxy:
        uri = f"mongodb://127.0.0.1:{proxy.port}/"
        with (
            mongo_client.connect(uri, timeout=0.5) as through,
            pytest.raises(ConnectionFailed, match=rf"127\.0\.0\.1:{proxy.port} stopped answering"),
        ):
            insert.insert(through[handle.database.name][handle.name], documents(customers(5)))
