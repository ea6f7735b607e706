"""The comparison with a real cluster finds and names what differs, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from string import ascii_uppercase
from typing import Any

import bson
import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from pymongo.errors import DuplicateKeyError

from pos_loader.collection import Difference, Partition
from pos_loader.publish import insert, layout
from pos_loader.servers import mongo, mongo_client
from pos_loader.verify import every_byte
from pos_loader.verify.first_difference import first_difference
from tests.loader.mongo_helpers import WHOLE, customer, customers, declare, documents

Fill = Callable[[list[dict[str, Any]]], mongo.Handle]


@pytest.fixture(scope="module")
def shared(client: mongo.Client, topology: mongo_client.Topology, database: str) -> mongo.Handle:
    """A hashed collection over both shards. It has no validator, so that tests can spoil it."""
    handle = layout.create(client, declare(database), "customers", topology=topology)
    handle.database.command("collMod", "customers", validator={})
    return handle


@pytest.fixture
def fill(shared: mongo.Handle) -> Fill:
    def filled(rows: list[dict[str, Any]]) -> mongo.Handle:
        shared.delete_many({})
        insert.insert(shared, documents(rows))
        return shared

    return filled


def test_equal_bytes_pass_over_many_replies(fill: Fill) -> None:
    """36 MB in documents of 1 MB take at least three replies of the server."""
    rows = [customer(Int64(key), profile={"text": "x" * 1_000_000}) for key in range(36)]
    handle = fill(rows)
    comparison = every_byte.compare(handle, documents(rows), WHOLE)
    assert comparison == every_byte.Comparison(same=36)
    assert comparison.total == 0
    assert len(list(every_byte.read_batches(handle, WHOLE))) >= 3


def test_a_slice_of_a_larger_array_passes(fill: Fill) -> None:
    rows = customers(30)
    whole = documents(rows)
    part = type(whole)(whole.keys[10:20], whole.bson[10:20], rows={})
    assert every_byte.compare(fill(rows), part, Partition(0, 10, 20)) == every_byte.Comparison(same=10)


def test_keys_alone_are_compared(fill: Fill) -> None:
    """They may have any type and be on both shards. A key of another numeric type is the same key."""
    rows = customers(30)
    handle, whole = fill([*rows[:5], *rows[8:30]]), documents(rows)
    handle.insert_many([customer(7.0), customer("text"), customer(99), customer(ObjectId("0" * 24))])
    found = every_byte.compare_ids(handle, whole, WHOLE)
    assert (found.same, found.missing, len(found.changed)) == (27, (5, 6), 1)
    assert found.extra == (99, "text", ObjectId("0" * 24))
    part = type(whole)(whole.keys[10:20], whole.bson[10:20], rows={})
    assert every_byte.compare_ids(handle, part, Partition(0, 10, 20)) == every_byte.Comparison(same=10)


def test_an_empty_partition_passes_and_an_empty_source_finds_the_rest(fill: Fill) -> None:
    handle = fill(customers(3))
    assert every_byte.compare(handle, documents([]), Partition(0, 50, 60)).total == 0
    assert every_byte.compare(handle, documents([]), WHOLE).extra == (0, 1, 2)


def test_a_change_three_levels_deep_is_named(fill: Fill) -> None:
    rows = customers(50)
    handle = fill(rows)
    handle.update_one({"_id": 17}, {"$set": {"orders.1.lines.1.quantity": Int64(9)}})
    assert every_byte.compare(handle, documents(rows), WHOLE) == every_byte.Comparison(
        same=49,
        changed=(17,),
        differences=(
            Difference(handle.full_name, 17, "changed", "orders.1.lines.1.quantity", "long 2", "long 9"),
        ),
    )


@pytest.mark.parametrize(
    ("change", "path", "expected", "found"),
    [
        ({"$set": {"orders.0.order_id": 10}}, "orders.0.order_id", "long 10", "int 10"),
        ({"$set": {"orders.0.order_id": 10.0}}, "orders.0.order_id", "long 10", "double 10.0"),
        ({"$set": {"state": None}}, "state", "string 'WA'", "null"),
        ({"$unset": {"email": 1}}, "email", "string 'c3@example.com'", "nothing"),
        ({"$set": {"vip": True}}, "vip", "nothing", "bool True"),
        (
            {"$push": {"orders.1.lines": {"quantity": Int64(2)}}},
            "orders.1.lines",
            "2 items",
            "3 items, the first difference at 2",
        ),
        ({"$pop": {"orders": -1}}, "orders", "2 items", "1 items, the first difference at 0"),
    ],
)
def test_changes_are_told_by_type_and_value(
    fill: Fill, change: dict[str, Any], path: str, expected: str, found: str
) -> None:
    rows = customers(5)
    handle = fill(rows)
    handle.update_one({"_id": 3}, change)
    comparison = every_byte.compare(handle, documents(rows), WHOLE)
    assert comparison.differences == (Difference(handle.full_name, 3, "changed", path, expected, found),)
    assert (comparison.same, comparison.changed) == (4, (3,))


def test_another_field_order_is_a_change(fill: Fill) -> None:
    rows = customers(2)
    handle = fill(rows)
    handle.replace_one({"_id": 1}, dict(sorted(rows[1].items(), reverse=True)))
    (difference,) = every_byte.compare(handle, documents(rows), WHOLE).differences
    assert difference.path == ""
    assert difference.expected == "fields _id, state, email, orders, returns"
    assert difference.found == "fields _id, state, returns, orders, email"


def test_another_type_of_id_is_a_change_not_a_stranger(fill: Fill) -> None:
    rows = customers(5)
    handle = fill(rows)
    for key, wrong in ((2, 2.0), (4, Decimal128("4"))):
        handle.delete_one({"_id": key})
        handle.insert_one(customer(wrong, state=rows[key]["state"], email=rows[key]["email"]))
    comparison = every_byte.compare(handle, documents(rows), WHOLE)
    assert comparison.changed == (2, 4)
    assert not comparison.missing
    assert not comparison.extra
    assert [(each.path, each.found) for each in comparison.differences] == [
        ("_id", "double 2.0"),
        ("_id", "decimal 4"),
    ]


def test_missing_and_extra_at_the_ends_and_in_the_middle(fill: Fill) -> None:
    rows = customers(20, start=10)
    handle = fill(rows)
    handle.delete_many({"_id": {"$in": [10, 11, 20, 29]}})
    handle.insert_many([customer(Int64(key)) for key in (5, 99)])
    handle.insert_one(customer(15.5))
    comparison = every_byte.compare(handle, documents(rows), WHOLE)
    assert comparison.missing == (0, 1, 10, 19)
    assert comparison.extra == (5, 15.5, 99)
    assert (comparison.same, comparison.changed, comparison.found) == (16, (), 19)
    assert [(each.id, each.kind) for each in comparison.differences] == [
        (5, "extra"),
        (10, "missing"),
        (11, "missing"),
        ("15.5", "extra"),
        (20, "missing"),
        (99, "extra"),
        (29, "missing"),
    ]


def test_a_foreign_id_is_in_exactly_one_partition(fill: Fill) -> None:
    rows = customers(30)
    handle = fill(rows)
    foreign = [None, "seven", {"a": 1}, b"raw", ObjectId(), True, Decimal128("14.5"), float("nan")]
    handle.insert_many([{"_id": each} for each in foreign])
    ranges = [Partition(0, None, 10), Partition(1, 10, 20), Partition(2, 20, None)]
    parts = [documents(rows[low : low + 10]) for low in (0, 10, 20)]
    comparisons = [every_byte.compare(handle, *pair) for pair in zip(parts, ranges, strict=True)]
    assert list(map(repr, comparisons[0].extra)) == ["None", "nan"]
    assert comparisons[1].extra == (Decimal128("14.5"),)
    assert sorted(map(repr, comparisons[2].extra)) == sorted(map(repr, foreign[1:-2]))
    assert sum(each.same for each in comparisons) == 30
    assert [(each.missing, each.changed) for each in comparisons] == [((), ())] * 3
    assert sum(len(each.extra) for each in comparisons) == 8


def test_string_keys_compare_in_byte_order(fill: Fill) -> None:
    names = sorted(["Zoe", "ann", "Ébert", "zoë", "中", "😀", "\uffee"], key=str.encode)
    rows = [customer(name) for name in names]
    handle = fill(rows)
    handle.delete_one({"_id": "ann"})
    handle.insert_many([customer("anna"), {"_id": 1}])
    comparison = every_byte.compare(handle, documents(rows), WHOLE)
    assert comparison.missing == (names.index("ann"),)
    assert comparison.extra == (1, "anna")
    low, high = names[2], names[5]
    inner = every_byte.compare(handle, documents(rows[2:5]), Partition(0, low, high))
    assert inner == every_byte.Comparison(same=3)


def test_only_the_first_differences_are_told_and_all_are_counted(fill: Fill) -> None:
    rows = customers(100)
    handle = fill(rows)
    handle.update_many({}, {"$set": {"state": "ZZ"}})
    comparison = every_byte.compare(handle, documents(rows), WHOLE, limit=3)
    assert len(comparison.differences) == 3
    assert comparison.total == len(comparison.changed) == 100


def test_a_second_document_with_the_same_id_on_another_shard_is_extra(
    client: mongo.Client, topology: mongo_client.Topology, database: str
) -> None:
    """`_id` is only unique within a shard, unless it is the shard key."""
    declared = declare(database, shard_key={"state": "hashed", "_id": 1}, name="twins", chunks=2)
    handle = layout.create(client, declared, "twins", topology=topology)
    rows = [customer(Int64(key), state="CA") for key in range(5)]
    insert.insert(handle, documents(rows))
    for state in ascii_uppercase:
        with suppress(DuplicateKeyError):
            handle.insert_one(customer(Int64(3), state=state))
            break
    comparison = every_byte.compare(handle, documents(rows), WHOLE)
    assert (comparison.extra, comparison.missing) == ((3,), ())
    assert comparison.differences[-1].found == "a second document with this _id, on another shard"


def test_values_beyond_python_are_told() -> None:
    far = bson.encode({"at": bson.DatetimeMS(2**60)})
    assert first_difference(far, bson.encode({"at": None})) == ("at", f"date DatetimeMS({2**60})", "null")
    assert first_difference(bson.encode({"n": float("nan")}), bson.encode({"n": 0.0}))[1:] == (
        "double nan",
        "double 0.0",
    )
    path, expected, found = first_difference(bson.encode({"z": 0.0}), bson.encode({"z": -0.0}))
    assert (path, expected, found) == ("z", "double 0.0", "double -0.0")
