"""The encoder against `bson.encode`, byte for byte, type by type."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import bson
import numpy as np
import pyarrow as pa
import pytest
from bson.int64 import Int64
from hypothesis import example, given
from hypothesis import strategies as st

from pos_loader.collection import BsonType, Field, Level
from pos_loader.documents.encode import Unrepresentable, encode
from tests.loader.strategies import (
    KINDS,
    Columns,
    Kind,
    Pair,
    Row,
    columns,
    decimal_pair,
    examples,
    expected,
    field_of,
    same_bytes,
)


def level_of(*fields: Field) -> Level:
    return Level("", "dim_customers", "analytics", "dim_customers", ("customer_id",), fields)


def one_field(kind: BsonType, array: pa.Array, *, keep_null: bool = False) -> pa.Array:
    level = level_of(field_of("v", kind, keep_null=keep_null))
    return encode(level, pa.table({"v": array}), {})


def values_of(kind: BsonType, array: pa.Array) -> list[Any]:
    return [bson.decode(document).get("v") for document in one_field(kind, array).to_pylist()]


@given(columns(), st.booleans(), st.integers(1, 2))
@examples(250)
def test_documents_equal_bson_encode(drawn: Columns, padded: bool, chunks: int) -> None:
    table = drawn.table(padding=drawn.rows[:3] if padded else (), chunks=chunks)
    documents = encode(level_of(*drawn.fields), table, {})
    documents.validate(full=True)
    same_bytes(documents, [expected(drawn.fields, row) for row in drawn.rows])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.arrow}-{kind.bson}")
@examples(20)
@given(data=st.data())
def test_each_kind_with_nulls(kind: Kind, data: st.DataObject) -> None:
    """Each source type alone: with no, some and only NULLs; as a slice; with NULLs left out and kept."""
    pairs = data.draw(st.lists(st.one_of(st.just((None, None)), kind.pairs), max_size=8))
    keep_null, start = data.draw(st.booleans()), data.draw(st.integers(0, len(pairs)))
    column = pa.array([source for source, _ in pairs], kind.arrow).slice(start)
    documents = one_field(kind.bson, column, keep_null=keep_null)
    wanted: list[Pair] = pairs[start:]
    same_bytes(documents, [{"v": value} if keep_null or s is not None else {} for s, value in wanted])


@pytest.mark.parametrize(
    ("precision", "scale"),
    [(p, s) for p in (1, 18, 19, 20, 33, 34, 38) for s in (0, 1, 4, 10, 30) if s <= p],
)
def test_decimal_extremes(precision: int, scale: int) -> None:
    """The extreme values of Decimal128's 34 digits, at every carry of the two's complement words."""
    largest = 10 ** min(precision, 34) - 1
    edges = [0, 1, 9, 2**32, 2**63, 2**64 - 1, 2**64, 2**64 + 1, 2**112, largest]
    numbers = sorted({sign * number for number in edges if number <= largest for sign in (1, -1)})
    pairs = [decimal_pair(number, scale) for number in numbers]
    array = pa.array([source for source, _ in pairs], pa.decimal128(precision, scale))
    same_bytes(one_field(BsonType.DECIMAL, array), [{"v": value} for _, value in pairs])


@given(columns(rows=7), st.lists(st.integers(0, 1200), min_size=7, max_size=7))
@examples(60)
def test_array_elements_carry_their_index(drawn: Columns, positions: list[int]) -> None:
    elements = encode(level_of(*drawn.fields), drawn.table(), {}, positions=np.array(positions, np.int64))
    for element, position, row in zip(elements.to_pylist(), positions, drawn.rows, strict=True):
        document = bson.encode(expected(drawn.fields, row))
        assert element == b"\x03" + str(position).encode() + b"\0" + document


def body_of(numbers: list[int]) -> bytes:
    return bson.encode({str(index): {"n": Int64(number)} for index, number in enumerate(numbers)})[4:-1]


@given(columns(rows=4), st.lists(st.lists(st.integers(0, 9), max_size=12), min_size=4, max_size=4))
@examples(60)
def test_array_bodies_follow_the_fields(drawn: Columns, numbers: list[list[int]]) -> None:
    bodies = pa.array([b"left", *(body_of(each) for each in numbers)], pa.binary()).slice(1)
    turned = pa.array([body_of(each) for each in reversed(numbers)], pa.binary())
    documents = encode(level_of(*drawn.fields), drawn.table(), {"a": bodies, "é": turned})
    oracle = [
        {
            **expected(drawn.fields, row),
            "a": [{"n": Int64(number)} for number in mine],
            "é": [{"n": Int64(number)} for number in other],
        }
        for row, mine, other in zip(drawn.rows, numbers, reversed(numbers), strict=True)
    ]
    same_bytes(documents, oracle)


def test_no_fields_and_no_rows() -> None:
    nothing = pa.table({"v": pa.array([1, 2], pa.int64())})
    assert encode(level_of(), nothing, {}).to_pylist() == [bson.encode({})] * 2
    assert encode(level_of(), nothing.slice(2), {}).to_pylist() == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.arrow}-{kind.bson}")
def test_empty_columns(kind: Kind) -> None:
    for array in (pa.array([], kind.arrow), pa.chunked_array([], kind.arrow)):
        assert one_field(kind.bson, array).to_pylist() == []


def test_source_is_not_changed() -> None:
    array = pa.array([Decimal("-1.5"), None, Decimal("2.5")], pa.decimal128(5, 1))
    before = array.to_pylist()
    one_field(BsonType.DECIMAL, array)
    assert array.to_pylist() == before


def test_nan_keeps_its_bytes() -> None:
    payload = struct.pack("<Q", 0x7FF8000000000123)
    array = pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(payload)])
    assert one_field(BsonType.DOUBLE, array)[0].as_py() == b"\x10\0\0\0\x01v\0" + payload + b"\0"


def rejected(kind: BsonType, array: pa.Array) -> Unrepresentable:
    with pytest.raises(Unrepresentable) as caught:
        one_field(kind, array)
    assert caught.value.field.column == "v"
    return caught.value


BAD: list[tuple[BsonType, pa.DataType, Any, Any, str]] = [
    (BsonType.BOOL, pa.int8(), 1, 2, "2 is neither 0 nor 1"),
    (BsonType.BOOL, pa.int64(), 0, -1, "-1 is neither 0 nor 1"),
    (BsonType.INT64, pa.uint64(), 2**63 - 1, 2**63, "9223372036854775808"),
    (BsonType.INT64, pa.uint64(), 7, 2**64 - 1, "18446744073709551615"),
    (BsonType.INT32, pa.uint32(), 2**31 - 1, 2**31, "2147483648"),
    (BsonType.INT32, pa.uint64(), 2**31 - 1, 2**63, "9223372036854775808"),
    (BsonType.INT32, pa.int64(), 2**31 - 1, 2**31, "2147483648"),
    (BsonType.INT32, pa.int64(), -(2**31), -(2**31) - 1, "-2147483649"),
    (
        BsonType.DATE,
        pa.timestamp("us"),
        datetime(2024, 1, 1),
        datetime(2024, 1, 1, 0, 0, 0, 1),
        "microseconds",
    ),
    (
        BsonType.DATE,
        pa.timestamp("us"),
        datetime(1969, 1, 1),
        datetime(1969, 1, 1, 0, 0, 0, 999),
        "1969-01-01 00:00:00.000999 has microseconds",
    ),
    (BsonType.DECIMAL, pa.decimal128(38, 0), Decimal(10**34 - 1), Decimal(10**34), "34 digits"),
    (BsonType.DECIMAL, pa.decimal128(38, 0), Decimal(1 - 10**34), Decimal(1 - 10**38), "34 digits"),
    (BsonType.JSON, pa.string(), "1", "NaN", "NaN is not a JSON number"),
    (BsonType.JSON, pa.string(), "1", '{"a": [-Infinity]}', "-Infinity is not a JSON number"),
    (BsonType.JSON, pa.string(), "1", "{'a': 1}", "no BSON form"),
    (BsonType.JSON, pa.string(), "1", "", "no BSON form"),
    (BsonType.JSON, pa.string(), "1", '{"a": 1, "a": 1}', "a key is repeated"),
    (BsonType.JSON, pa.string(), "1", '[{"b": {"a": 1, "c": 2, "a": 3}}]', "a key is repeated"),
    (BsonType.JSON, pa.string(), str(2**63 - 1), str(2**63), "no BSON form"),
    (BsonType.JSON, pa.string(), "1." + "0" * 33, "1." + "0" * 33 + "1", "no BSON form"),
    (BsonType.JSON, pa.string(), "1e6144", "1e6145", "no BSON form"),
    (BsonType.JSON, pa.string(), "1", '{"a\\u0000": 1}', "no BSON form"),
    (BsonType.JSON, pa.string(), "1", '"\\ud800"', "no BSON form"),
    (BsonType.JSON, pa.string(), "1", "[" * 100_000 + "]" * 100_000, "no BSON form"),
]


@pytest.mark.parametrize(("kind", "arrow", "good", "bad", "message"), BAD)
def test_values_without_an_exact_form(
    kind: BsonType, arrow: pa.DataType, good: Any, bad: Any, message: str
) -> None:
    """The error names the first wrong row. Without it the same column encodes. NULL slots are ignored."""
    error = rejected(kind, pa.array([bad, good, None, good, bad, bad], arrow).slice(1))
    assert error.row == 3
    assert message in str(error)
    one_field(kind, pa.array([bad, good, None], arrow).slice(1))
    assert len(str(error)) < 250


@pytest.mark.parametrize(
    ("kind", "arrow", "bad"), [(k, a, b) for k, a, _, b, _ in BAD if k is not BsonType.JSON]
)
def test_a_null_slot_may_hold_anything(kind: BsonType, arrow: pa.DataType, bad: Any) -> None:
    """Arrow leaves the bytes under a NULL undefined, so they may look like a wrong value."""
    array = pa.array([bad, bad], arrow)
    buffers = [pa.py_buffer(b"\0"), *array.buffers()[1:]]
    assert values_of(kind, pa.Array.from_buffers(arrow, 2, buffers)) == [None, None]


def test_dates_before_1970_and_at_the_ends_of_the_calendar() -> None:
    days = pa.array([date.min, date(1969, 12, 31), date.max], pa.date32())
    assert values_of(BsonType.DATE, days) == [
        datetime(1, 1, 1),
        datetime(1969, 12, 31),
        datetime(9999, 12, 31),
    ]
    last = datetime(9999, 12, 31, 23, 59, 59, 999000)
    assert values_of(BsonType.DATE, pa.array([last], pa.timestamp("us"))) == [last]


def test_document_sizes_across_widths() -> None:
    """Lengths are little-endian 32-bit numbers, not bytes."""
    texts = ["x" * size for size in (0, 1, 200, 255, 256, 65_535, 65_536, 1_000_000)]
    array = pa.array(texts, pa.string())
    same_bytes(one_field(BsonType.STRING, array), [{"v": text} for text in texts])


def test_json_decimals_are_exact() -> None:
    texts = ["0.1", "1E+5", "-0.0", "1e-6176", "12345678901234567890.12345678901234", "1.10"]
    found = values_of(BsonType.JSON, pa.array(texts, pa.string()))
    assert [str(value) for value in found] == [str(bson.Decimal128(text)) for text in texts]


@given(st.lists(st.datetimes(), min_size=1, max_size=5))
@example([datetime(2024, 5, 6, 7, 8, 9, 1)])
@examples(60)
def test_a_date_is_exact_or_refused(moments: list[datetime]) -> None:
    array = pa.array(moments, pa.timestamp("us"))
    fine = [moment.microsecond % 1000 == 0 for moment in moments]
    if all(fine):
        assert values_of(BsonType.DATE, array) == moments
    else:
        assert rejected(BsonType.DATE, array).row == fine.index(False)


def test_time_zone_of_a_date_is_utc() -> None:
    options: Any = bson.codec_options.CodecOptions(tz_aware=True)
    document = one_field(BsonType.DATE, pa.array([date(2024, 2, 29)], pa.date32()))[0].as_py()
    assert bson.decode(document, options)["v"] == datetime(2024, 2, 29, tzinfo=UTC)


def test_a_row_count_that_is_no_multiple_of_anything() -> None:
    rows: list[Row] = [{"i": (n, n), "s": (str(n) if n % 3 else None, str(n))} for n in range(1003)]
    fields = (field_of("i", BsonType.INT32), field_of("s", BsonType.STRING))
    table = Columns(fields, rows, {"i": pa.int32(), "s": pa.string()}).table()
    same_bytes(encode(level_of(*fields), table, {}), [expected(fields, row) for row in rows])
