"""Nesting gives the same bytes as dicts that are nested with loops and encoded by `bson.encode`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import bson
import numpy as np
import pyarrow as pa
import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import given
from hypothesis import strategies as st

from pos_loader.collection import BsonType, Documents, Field, Level
from pos_loader.documents.nest import nest
from pos_loader.errors import DataError, ExitCode
from tests.loader.strategies import Nested, collection_of, examples, field_of, nested, same_bytes

ID = field_of("_id", BsonType.INT64, column="customer_id")


def lines_level(*, children: tuple[Level, ...] = (), **options: Any) -> Level:
    return Level(
        name="lines",
        model="fct_order_lines",
        schema="analytics",
        table="fct_order_lines",
        key=("customer_id", "order_id", "line_number"),
        path="orders.lines",
        fields=options.pop("fields", (field_of("line_number", BsonType.INT32),)),
        children=children,
        **options,
    )


def orders_level(*, children: tuple[Level, ...] = (), **options: Any) -> Level:
    name = options.pop("name", "orders")
    return Level(
        name=name,
        path=name,
        model="fct_orders",
        schema="analytics",
        table="fct_orders",
        key=("customer_id", "order_id"),
        fields=options.pop("fields", (field_of("order_id", BsonType.INT64),)),
        children=children,
        **options,
    )


def customers_level(*children: Level, fields: tuple[Field, ...] = (ID,)) -> Level:
    return Level(
        "", "dim_customers", "analytics", "dim_customers", ("customer_id",), fields, children=children
    )


def keys_table(
    names: Sequence[str], keys: Sequence[tuple[Any, ...]], *, kind: pa.DataType = None
) -> pa.Table:
    kind = kind or pa.int64()
    return pa.table({name: pa.array([key[i] for key in keys], kind) for i, name in enumerate(names)})


def check_invariants(documents: Documents) -> None:
    """Check what the writer and the verifier rely on."""
    documents.bson.validate(full=True)
    count = len(documents)
    offsets, buffer = documents.offsets, documents.buffer
    assert documents.bson.null_count == 0
    assert len(documents.keys) == count
    assert len(offsets) == count + 1
    assert documents.nbytes == len(buffer) == sum(len(each) for each in documents.bson.to_pylist())
    start = offsets[0]
    pieces = [bytes(buffer[a - start : b - start]) for a, b in pairwise(offsets)]
    assert pieces == documents.bson.to_pylist()
    assert b"".join(pieces) == bytes(buffer)
    found = [bson.decode(piece) for piece in pieces]
    assert [next(iter(each)) for each in found] == ["_id"] * count
    assert [each["_id"] for each in found] == documents.keys.to_pylist()
    assert documents.keys.type in (pa.int64(), pa.string())


@given(nested(), st.booleans(), st.integers(1, 2))
@examples(120)
def test_documents_equal_dicts_through_bson(drawn: Nested, padded: bool, chunks: int) -> None:
    documents = nest(drawn.collection, drawn.tables(padded=padded, chunks=chunks))
    check_invariants(documents)
    same_bytes(documents.bson, drawn.documents())
    assert documents.rows == {level.path: len(rows) for level, rows in drawn.rows.items()}


@given(nested(depth=1))
@examples(20)
def test_empty_tables(drawn: Nested) -> None:
    tables = {level: table.slice(0, 0) for level, table in drawn.tables().items()}
    documents = nest(drawn.collection, tables)
    check_invariants(documents)
    assert (len(documents), documents.nbytes, set(documents.rows.values())) == (0, 0, {0})


@pytest.mark.parametrize("sizes", [(9, 10, 11), (0, 99, 100, 0, 101), (999, 0, 1000, 1001), (0,), (1, 0)])
def test_arrays_whose_indexes_gain_a_digit(sizes: tuple[int, ...]) -> None:
    root = customers_level(orders_level())
    keys = [(customer, order) for customer, size in enumerate(sizes) for order in range(size)]
    tables = {
        root: keys_table(["customer_id"], [(customer,) for customer in range(len(sizes))]),
        root.children[0]: keys_table(["customer_id", "order_id"], keys),
    }
    oracle = [
        {"_id": Int64(customer), "orders": [{"order_id": Int64(order)} for order in range(size)]}
        for customer, size in enumerate(sizes)
    ]
    same_bytes(nest(collection_of(root), tables).bson, oracle)


@pytest.mark.parametrize("span", ["orders", "lines"])
def test_keys_at_both_ends_of_int64(span: str) -> None:
    """Neither the distance between such keys nor the number of their combinations fits in int64."""
    root = customers_level(orders_level(children=(lines_level(),)))
    orders, lines = root.children[0], root.children[0].children[0]
    ends = [-(2**63), -1, 0, 2**63 - 1] if span == "orders" else [-(2**61), 2**61]
    numbers = [1, 2] if span == "orders" else [-(2**31), 2**31 - 1]
    tables = {
        root: keys_table(["customer_id"], [(a,) for a in ends]),
        orders: keys_table(["customer_id", "order_id"], [(a, b) for a in ends for b in ends]),
        lines: keys_table(lines.key, [(a, b, c) for a in ends for b in ends for c in numbers]),
    }
    line_documents = [{"line_number": c} for c in numbers]
    oracle = [
        {"_id": Int64(a), "orders": [{"order_id": Int64(b), "lines": line_documents} for b in ends]}
        for a in ends
    ]
    same_bytes(nest(collection_of(root), tables).bson, oracle)


SORTS: list[tuple[pa.DataType, list[Any], list[int]]] = [
    (pa.int64(), [3, None, 2**63 - 1, -(2**63), None], [1, 4, 3, 0, 2]),
    (pa.string(), ["b", "é", "B", None, "🛒"], [3, 2, 0, 1, 4]),
    (pa.large_string(), ["\uffff", "\U00010000", "", "z", "a"], [2, 4, 3, 0, 1]),
    (
        pa.date32(),
        [date(2024, 1, 1), date.min, None, date.max, date(1969, 1, 1)],
        [2, 1, 4, 0, 3],
    ),
    (
        pa.timestamp("us"),
        [datetime(2024, 1, day, 12) for day in (5, 4, 3, 2, 1)],
        [4, 3, 2, 1, 0],
    ),
    (
        pa.decimal128(19, 4),
        [Decimal("10"), Decimal("9.5"), None, Decimal("-0.5"), Decimal("9.5")],
        [2, 3, 1, 4, 0],
    ),
    (pa.float64(), [1.5, -1.5, None, 0.0, float("inf")], [2, 1, 3, 0, 4]),
]


@pytest.mark.parametrize(("arrow", "values", "order"), SORTS, ids=lambda value: str(value)[:20])
def test_order_by_another_column(arrow: pa.DataType, values: list[Any], order: list[int]) -> None:
    """Each parent's items are sorted: NULL first, text by its bytes, equal values in key order."""
    root = customers_level(orders_level(order_by=("by",), children=(lines_level(),)))
    orders, lines = root.children[0], root.children[0].children[0]
    count = len(values)
    by = pa.array([*values, *reversed(values)], arrow)
    order_keys = [(customer, number) for customer in (1, 2) for number in range(count)]
    line_keys = [(*key, line) for key in order_keys for line in range(key[1] % 3)]
    tables = {
        root: keys_table(["customer_id"], [(1,), (2,)]),
        orders: keys_table(orders.key, order_keys).append_column("by", by),
        lines: keys_table(lines.key, line_keys),
    }
    found = [bson.decode(document) for document in nest(collection_of(root), tables).bson.to_pylist()]
    assert [each["order_id"] for each in found[0]["orders"]] == order
    expected = sorted(range(count), key=lambda number: order.index(count - 1 - number))
    if len(set(map(str, values))) == count:
        assert [each["order_id"] for each in found[1]["orders"]] == expected
    for document in found:
        for each in document["orders"]:
            assert [line["line_number"] for line in each["lines"]] == list(range(each["order_id"] % 3))


def test_parent_and_child_may_differ_in_key_width() -> None:
    root = customers_level(orders_level())
    tables = {
        root: keys_table(["customer_id"], [(-1,), (7,)], kind=pa.int32()),
        root.children[0]: keys_table(["customer_id", "order_id"], [(7, 1), (7, 2**40)]),
    }
    documents = nest(collection_of(root), tables)
    check_invariants(documents)
    orders = [{"order_id": Int64(1)}, {"order_id": Int64(2**40)}]
    same_bytes(documents.bson, [{"_id": Int64(-1), "orders": []}, {"_id": Int64(7), "orders": orders}])
    tables[root.children[0]] = keys_table(["customer_id", "order_id"], [(2**40, 1)])
    assert "customer_id 1099511627776" in refused(root, tables).what


def test_one_model_in_two_arrays_counts_twice() -> None:
    root = customers_level(orders_level(), orders_level(name="again"))
    keys = keys_table(["customer_id", "order_id"], [(1, 1), (1, 2)])
    tables = {root: keys_table(["customer_id"], [(1,)]), root.children[0]: keys, root.children[1]: keys}
    documents = nest(collection_of(root), tables)
    assert documents.rows == {"": 1, "orders": 2, "again": 2}
    mine = [{"order_id": Int64(1)}, {"order_id": Int64(2)}]
    same_bytes(documents.bson, [{"_id": Int64(1), "orders": mine, "again": mine}])


def test_documents_conform_while_what_is_required_is_there_and_arrays_are_short() -> None:
    root, tables = three_tables()
    orders = root.children[0]
    longest = max(Counter(tables[orders].column(orders.key[0]).to_pylist()).values())
    assert nest(collection_of(root), tables).conform
    for max_items, conform in ((longest, True), (longest - 1, False)):
        bounded = replace(root, children=(replace(orders, max_items=max_items),))
        of_bounded = dict(zip(bounded.walk(), tables.values(), strict=True))
        assert nest(collection_of(bounded), of_bounded).conform is conform

    note = Field("note", "note", BsonType.STRING, "varchar(9)", nullable=True)
    for nullable, keep_null, conform in (
        (True, False, True),
        (True, True, True),
        (False, True, True),
        (False, False, False),
    ):
        noted = replace(root, fields=(*root.fields, replace(note, nullable=nullable, keep_null=keep_null)))
        of_noted = dict(zip(noted.walk(), tables.values(), strict=True))
        count = tables[root].num_rows
        of_noted[noted] = tables[root].append_column("note", pa.array([None] * count, pa.string()))
        assert nest(collection_of(noted), of_noted).conform is conform


def refused(root: Level, tables: dict[Level, pa.Table]) -> DataError:
    with pytest.raises(DataError) as caught:
        nest(collection_of(root), tables)
    error = caught.value
    assert error.exit_code is ExitCode.DATA
    assert error.fix
    assert "\n" not in str(error)
    return error


def three_levels() -> tuple[Level, Level, Level]:
    root = customers_level(orders_level(children=(lines_level(),)))
    return root, root.children[0], root.children[0].children[0]


def three_tables(
    customers: Sequence[tuple[Any, ...]] = ((1,), (2,), (3,)),
    orders: Sequence[tuple[Any, ...]] = ((1, 7), (3, 5), (3, 8)),
    lines: Sequence[tuple[Any, ...]] = ((1, 7, 1), (3, 8, 1), (3, 8, 2)),
    *,
    kind: pa.DataType = None,
) -> tuple[Level, dict[Level, pa.Table]]:
    root, order, line = three_levels()
    tables = {
        level: keys_table(level.key, keys, kind=kind)
        for level, keys in ((root, customers), (order, orders), (line, lines))
    }
    return root, tables


def test_the_tables_the_errors_start_from_are_fine() -> None:
    assert len(nest(collection_of(three_levels()[0]), three_tables()[1])) == 3


@pytest.mark.parametrize(
    ("orders", "lines", "model", "parent", "key", "count"),
    [
        ([(0, 1), (1, 7)], [], "fct_orders", "dim_customers", "customer_id 0", 1),
        ([(1, 7), (4, 1), (4, 2), (5, 1)], [], "fct_orders", "dim_customers", "customer_id 4", 2),
        ([(1, 7)], [(1, 6, 1)], "fct_order_lines", "fct_orders", "customer_id 1, order_id 6", 1),
        ([(1, 7)], [(1, 7, 1), (2, 7, 1)], "fct_order_lines", "fct_orders", "customer_id 2, order_id 7", 1),
        ([], [(1, 7, 1)], "fct_order_lines", "fct_orders", "customer_id 1, order_id 7", 1),
    ],
)
def test_orphans(orders: list[Any], lines: list[Any], model: str, parent: str, key: str, count: int) -> None:
    error = refused(*three_tables(orders=orders, lines=lines))
    assert error.what == f"{count} keys of {model} have no row in {parent}, first {key}"
    assert model in error.where


@pytest.mark.parametrize(
    ("changed", "model", "key"),
    [
        ({"customers": [(1,), (3,), (2,)]}, "dim_customers", "customer_id 2"),
        ({"customers": [(1,), (1,), (3,)]}, "dim_customers", "customer_id 1"),
        ({"orders": [(3, 5), (3, 8), (1, 7)]}, "fct_orders", "customer_id 1, order_id 7"),
        ({"orders": [(1, 7), (3, 8), (3, 5)]}, "fct_orders", "customer_id 3, order_id 5"),
        ({"orders": [(1, 7), (3, 8), (3, 8)]}, "fct_orders", "customer_id 3, order_id 8"),
        ({"lines": [(3, 8, 1), (1, 7, 1)]}, "fct_order_lines", "customer_id 1, order_id 7, line_number 1"),
        ({"lines": [(3, 8, 2), (3, 8, 1)]}, "fct_order_lines", "customer_id 3, order_id 8, line_number 1"),
        ({"lines": [(1, 7, 1), (1, 7, 1)]}, "fct_order_lines", "customer_id 1, order_id 7, line_number 1"),
    ],
)
def test_repeated_or_unsorted_keys(changed: dict[str, Any], model: str, key: str) -> None:
    """They are found at every level, because a row that is read twice would become a line sold twice."""
    error = refused(*three_tables(**changed))
    assert error.what == f"rows are repeated or out of order at {key}"
    assert error.where == f"model {model}"


def test_text_keys_in_the_order_of_a_collation_that_is_not_binary() -> None:
    customers, orders = [("a",), ("B",)], [("a", "x"), ("B", "x")]
    error = refused(*three_tables(customers, orders, [], kind=pa.string()))
    assert error.what.endswith("customer_id B")
    assert "utf8mb4_nopad_bin" in error.fix


WRONG: list[tuple[BsonType, pa.DataType, Any, str]] = [
    (BsonType.BOOL, pa.int8(), 2, "2 is neither 0 nor 1"),
    (BsonType.INT64, pa.uint64(), 2**63, "9223372036854775808 does not fit an int64"),
    (BsonType.DATE, pa.timestamp("us"), datetime(2024, 1, 2, 3, 4, 5, 6), "has microseconds"),
    (BsonType.JSON, pa.string(), '{"a": NaN}', "NaN is not a JSON number"),
    (BsonType.JSON, pa.string(), '{"a": 1, "a": 2}', "a key is repeated"),
    (BsonType.DECIMAL, pa.decimal128(38, 2), Decimal(10**35), "more than 34 digits"),
]


@pytest.mark.parametrize(("kind", "arrow", "value", "message"), WRONG, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_value_without_a_bson_form(
    kind: BsonType, arrow: pa.DataType, value: Any, message: str, depth: int, descending: bool
) -> None:
    """The error names the row by its key, at any depth and in any order of the array."""
    wrong = field_of("odd", kind, column="odd_column")
    by = ("by",) if descending else ()
    line = lines_level(fields=(wrong,) if depth == 2 else (), order_by=by)
    order = orders_level(fields=(wrong,) if depth == 1 else (), order_by=by, children=(line,))
    root = customers_level(order, fields=(ID, wrong) if depth == 0 else (ID,))
    keys: dict[Level, list[tuple[Any, ...]]] = {
        root: [(1,), (2,), (3,)],
        order: [(3, 5), (3, 8)],
        line: [(3, 8, 1), (3, 8, 2)],
    }
    tables = {}
    for level, mine in keys.items():
        column = pa.array([None] * (len(mine) - 1) + [value], arrow)
        table = keys_table(level.key, mine).append_column("odd_column", column)
        tables[level] = table.append_column("by", pa.array(range(len(mine), 0, -1), pa.int32()))
    error = refused(root, tables)
    level, key = list(keys.items())[depth]
    names = ", ".join(f"{name} {part}" for name, part in zip(level.key, key[-1], strict=True))
    assert error.where == f"model {level.model}, {names}"
    assert error.what.startswith("column odd_column: ")
    assert message in error.what


def test_a_document_key_above_int64() -> None:
    root = customers_level()
    error = refused(root, {root: keys_table(["customer_id"], [(2**63,), (2**64 - 1,)], kind=pa.uint64())})
    assert error.where == "model dim_customers, customer_id 9223372036854775808"


def big_tables(line_count: int) -> tuple[Level, dict[Level, pa.Table]]:
    """Make customers with 0 to 5 orders, and orders with 0 to 7 lines, from fixed arithmetic."""
    line_fields = (
        field_of("line_number", BsonType.INT32),
        field_of("product", BsonType.STRING),
        field_of("price", BsonType.DECIMAL),
        field_of("gift", BsonType.BOOL),
    )
    line = lines_level(fields=line_fields, order_by=("price",))
    order_fields = (field_of("order_id", BsonType.INT64), field_of("placed_at", BsonType.DATE))
    root = customers_level(orders_level(fields=order_fields, children=(line,)))
    orders = root.children[0]
    of_order = np.repeat(np.arange(line_count), np.arange(line_count) % 8)[:line_count]
    order_count = int(of_order[-1]) + 1
    of_customer = np.repeat(np.arange(order_count), np.arange(order_count) % 6)[:order_count]
    number = np.arange(line_count)
    line_number = number - np.searchsorted(of_order, of_order)
    names = pa.array([f"product é {index}" for index in range(97)])
    tables = {
        root: pa.table({"customer_id": np.arange(of_customer[-1] + 1)}),
        orders: pa.table(
            {
                "customer_id": of_customer,
                "order_id": np.arange(order_count),
                "placed_at": pa.array(np.arange(order_count) * 1_000_003_000, pa.timestamp("us")),
            }
        ),
        line: pa.table(
            {
                "customer_id": of_customer[of_order],
                "order_id": of_order,
                "line_number": line_number.astype(np.int32),
                "product": names.take(pa.array(number % 97)),
                "price": pa.array(number * 7919 % 10_007)
                .cast(pa.decimal128(19, 0))
                .cast(pa.decimal128(24, 4)),
                "gift": pa.array([None if n % 5 == 0 else n % 2 for n in range(line_count)], pa.int8()),
            }
        ),
    }
    return root, tables


def test_two_hundred_thousand_lines() -> None:
    root, tables = big_tables(200_000)
    customer_rows, order_rows, line_rows = (table.to_pylist() for table in tables.values())
    orders_of: dict[int, list[dict[str, Any]]] = {row["customer_id"]: [] for row in customer_rows}
    lines_of: dict[int, list[dict[str, Any]]] = {row["order_id"]: [] for row in order_rows}
    for row in order_rows:
        order = {
            "order_id": row["order_id"],
            "placed_at": row["placed_at"],
            "lines": lines_of[row["order_id"]],
        }
        orders_of[row["customer_id"]].append(order)
    money = {price: Decimal128(price) for price in {row["price"] for row in line_rows}}
    for row in sorted(line_rows, key=lambda row: (row["price"], row["line_number"])):
        line = {name: row[name] for name in ("line_number", "product")} | {"price": money[row["price"]]}
        if row["gift"] is not None:
            line["gift"] = bool(row["gift"])
        lines_of[row["order_id"]].append(line)
    documents = nest(collection_of(root), tables)
    found = bson.decode_all(bytes(documents.buffer))
    assert found == [{"_id": key, "orders": orders} for key, orders in orders_of.items()]
    assert documents.rows == {each.path: table.num_rows for each, table in tables.items()}
    assert documents.rows["orders.lines"] == 200_000


@pytest.mark.parametrize("fault", [OverflowError("more than 2 GiB"), pa.ArrowCapacityError("too many bytes")])
def test_a_partition_that_arrow_cannot_hold_is_named(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault is simulated, because a real one takes gigabytes of memory."""

    def encode(*_: Any, **__: Any) -> None:
        raise fault

    monkeypatch.setattr("pos_loader.documents.nest.encode", encode)
    collection = collection_of(customers_level())
    heads = keys_table(("customer_id",), [(1,), (2,)])
    with pytest.raises(DataError, match=rf"^a partition of dim_customers is too large: {fault}") as found:
        nest(collection, {collection.root: heads})
    assert found.value.where == "model dim_customers, 2 rows"
    assert found.value.fix == "give --partition-rows a smaller number"
