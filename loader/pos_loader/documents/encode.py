r"""Encodes columns as BSON, without a Python loop over rows.

Each field of a level becomes pieces of the rows' bytes (see `pieces`). Tests compare every result with
`bson.encode` of the same rows.

Source: https://bsonspec.org/spec.html (version 1.1); Decimal128 as in IEEE 754-2008, binary integer
decimal, https://github.com/mongodb/specifications/blob/master/source/bson-decimal128/decimal128.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, assert_never

import bson
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pos_loader.collection import BsonType, Coercion, Field, Level
from pos_loader.declaration.bson_types import MAX_DECIMAL_DIGITS, domain
from pos_loader.documents.pieces import Rows, Values, lengths

MILLISECONDS_PER_DAY = 86_400_000

_DOCUMENT, _ARRAY, _NULL = b"\x03", b"\x04", b"\x0a"
_DECIMAL_BIAS = 6176
_MAX_HIGH, _MAX_LOW = (np.uint64(word) for word in divmod(10**MAX_DECIMAL_DIGITS - 1, 2**64))


class Unrepresentable(ValueError):
    """A value that BSON cannot hold exactly. Its message is the reason; `row` is a position, from 0 on."""

    def __init__(self, field: Field, row: int, reason: str) -> None:
        """Remember the field and the row."""
        self.field, self.row = field, row
        super().__init__(reason)

    @property
    def fix(self) -> str:
        """How to correct it: in the mart, or by a declaration where there is one for the type."""
        way_out = domain(self.field.type).way_out.format(column=self.field.column)
        return f"clean it in the mart{f', or declare {way_out}' if way_out else ''}"


def encode(
    level: Level,
    table: pa.Table,
    arrays: Mapping[str, pa.Array],
    *,
    positions: npt.NDArray[np.int64] | None = None,
    ids: pa.Array | None = None,
) -> pa.Array:
    r"""Encode the N rows of `table` as an Arrow binary array of N BSON documents.

    Each column of `table` must have a single chunk. `arrays` maps the name of each nested array to N bodies:
    a body is one row's array elements, without the array's length and end. With `positions` (N array indexes)
    the results are array elements instead: type, index, document. `ids` holds N BSON documents that become
    `_id`, where no column is the `_id`.

    Raises `Unrepresentable` where a value has no exact BSON form.

    >>> key = Field("product_id", "_id", BsonType.INT32, "int", nullable=False)
    >>> name = Field("name", "name", BsonType.STRING, "varchar(9)", nullable=True)
    >>> products = Level("", "dim_products", "shop", "products", ("product_id",), (key, name))
    >>> table = pa.table({"product_id": [7, 8], "name": ["Tea", None]})
    >>> encode(products, table, {}).to_pylist()
    [b'\x1c\x00\x00\x00\x10_id\x00\x07\x00\x00\x00\x02name\x00\x04\x00\x00\x00Tea\x00\x00',
     b'\x0e\x00\x00\x00\x10_id\x00\x08\x00\x00\x00\x00']
    >>> encode(products, table, {}, positions=np.array([0, 1]))[1].as_py()
    b'\x031\x00\x0e\x00\x00\x00\x10_id\x00\x08\x00\x00\x00\x00'
    """
    rows = Rows(table.num_rows)
    if positions is not None:
        rows.prefix(_element_heads(positions))
    rows.constant(b"\0\0\0\0")
    if ids is not None:
        rows.constant(_DOCUMENT + b"_id\0")
        rows.variable(ids)
    for field in level.fields:
        _write_field(rows, field, column_of(table, field.column))
    for name, bodies in arrays.items():
        _write_array(rows, name, bodies)
    rows.constant(b"\0")
    return rows.documents()


def column_of(table: pa.Table, name: str) -> pa.Array:
    """Give a column as one array, without the copy that `combine_chunks` makes of a single chunk."""
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def value_text(column: pa.Array | pa.ChunkedArray, row: int) -> str:
    """Show one value in a message, even one that Python has no type for (a date of year 0)."""
    try:
        return str(column[row].as_py())
    except (ValueError, OverflowError):
        return str(column.slice(row, 1).cast(pa.string())[0].as_py())


def coerced(field: Field, column: pa.Array) -> int:
    """Count the values that lose microseconds by a declared coercion to milliseconds."""
    if Coercion.MILLISECONDS not in field.coerce or pa.types.is_date32(column.type):
        return 0
    micros = column.cast(pa.timestamp("us")).view(pa.int64())
    return int(np.count_nonzero(_numbers(micros) % 1000))


def _element_heads(positions: npt.NDArray[np.int64]) -> pa.Array:
    r"""Write the head of each array element: its type byte, and its index as a C string.

    >>> _element_heads(np.array([0, 1, 12])).to_pylist()
    [b'\x030\x00', b'\x031\x00', b'\x0312\x00']
    """
    longest = int(positions.max()) + 1 if len(positions) else 0
    heads = pa.array([_DOCUMENT + str(index).encode() + b"\0" for index in range(longest)], pa.binary())
    return heads.take(pa.array(positions))


def _write_array(rows: Rows, name: str, bodies: pa.Array) -> None:
    rows.constant(_ARRAY + name.encode() + b"\0")
    rows.fixed([lengths(bodies) + np.int32(5)])
    rows.variable(bodies)
    rows.constant(b"\0")


def _write_field(rows: Rows, field: Field, column: pa.Array) -> None:
    name = field.name.encode() + b"\0"
    present = None
    if column.null_count:
        present = pc.is_valid(column).to_numpy(zero_copy_only=False)
    match field.type:
        case BsonType.DOUBLE:
            _write_fixed(rows, b"\x01" + name, _double(column), present)
        case BsonType.STRING:
            _write_bytes(rows, field, b"\x02" + name, column, present)
        case BsonType.BINARY:
            _write_bytes(rows, field, b"\x05" + name, column, present)
        case BsonType.BOOL:
            _write_fixed(rows, b"\x08" + name, _bool(field, column), present)
        case BsonType.DATE:
            _write_fixed(rows, b"\x09" + name, _date(field, column), present)
        case BsonType.INT32:
            _write_fixed(rows, b"\x10" + name, _integer(field, column, "<i4"), present)
        case BsonType.INT64:
            _write_fixed(rows, b"\x12" + name, _integer(field, column, "<i8"), present)
        case BsonType.DECIMAL:
            _write_fixed(rows, b"\x13" + name, _decimal(field, column), present)
        case BsonType.JSON:  # each value has a type byte of its own
            rows.variable(_json_elements(field, name, column))
        case _:
            assert_never(field.type)
    if present is not None and field.keep_null:
        rows.only(~present, _NULL + name, [])


def _write_fixed(rows: Rows, head: bytes, values: Values, present: npt.NDArray[np.bool_] | None) -> None:
    if present is None:
        rows.constant(head)
        rows.fixed(values)
    else:
        rows.only(present, head, values)


def _write_bytes(
    rows: Rows, field: Field, head: bytes, column: pa.Array, present: npt.NDArray[np.bool_] | None
) -> None:
    """Write a string (its length with the NUL, UTF-8, NUL) or a binary (its length, subtype 0, bytes)."""
    column = _as_binary(column)
    sizes = lengths(column)
    if field.type is BsonType.STRING:
        values, tail = [sizes + np.int32(1)], b"\0"
    else:
        values, tail = [sizes, np.zeros(len(column), np.uint8)], b""
    if present is None:
        rows.constant(head)
        rows.fixed(values)
        rows.variable(column)
        rows.constant(tail)
    else:
        rows.only(present, head, values)
        rows.variable(column)
        if tail:
            rows.only(present, tail, [])


def _as_binary(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):  # has the same layout, so nothing is copied
        return pa.Array.from_buffers(
            pa.binary(), len(column), column.buffers(), column.null_count, column.offset
        )
    return column.cast(pa.binary())


def _reject(field: Field, column: pa.Array, wrong: npt.NDArray[np.bool_]) -> None:
    """Raise `Unrepresentable` for the first value that is marked in `wrong`; NULLs do not count."""
    if column.null_count:
        wrong = wrong & pc.is_valid(column).to_numpy(zero_copy_only=False)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise Unrepresentable(field, row, f"{value_text(column, row)} {domain(field.type).beyond}")


def _numbers(column: pa.Array) -> npt.NDArray[Any]:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    values: npt.NDArray[Any] = (pc.fill_null(column, 0) if column.null_count else column).to_numpy()
    return values


def _double(column: pa.Array) -> Values:
    return [_numbers(column).astype("<f8", copy=False)]


def _bool(field: Field, column: pa.Array) -> Values:
    values = _numbers(column)
    _reject(field, column, (values != 0) & (values != 1))
    return [values.astype(np.uint8)]


def _integer(field: Field, column: pa.Array, dtype: str) -> Values:
    values = _numbers(column)
    if np.can_cast(values.dtype, dtype):
        return [values.astype(dtype, copy=False)]
    converted = values.astype(dtype)
    _reject(field, column, converted != values)
    return [converted]


def _date(field: Field, column: pa.Array) -> Values:
    """Convert date32 (days) or timestamp[us] to UTC milliseconds since 1970.

    A declared coercion cuts microseconds off, toward the past.

    >>> moments = pa.array([-1, 1_999], pa.timestamp("us"))
    >>> field = Field("at", "at", BsonType.DATE, "datetime(6)", False, coerce=(Coercion.MILLISECONDS,))
    >>> _date(field, moments)[0].tolist()
    [-1, 1]
    """
    if pa.types.is_date32(column.type):
        return [_numbers(column.view(pa.int32())).astype("<i8") * MILLISECONDS_PER_DAY]
    micros = _numbers(column.cast(pa.timestamp("us")).view(pa.int64()))
    if Coercion.MILLISECONDS not in field.coerce:
        _reject(field, column, micros % 1000 != 0)
    return [(micros // 1000).astype("<i8")]


def _decimal(field: Field, column: pa.Array) -> Values:
    """Convert Arrow's decimal128 to BSON's, as its low and its high 64 bits.

    Arrow's is an integer in two's complement. BSON's has a sign, an exponent (biased by 6176) and a
    magnitude.

    >>> field = Field("total", "total", BsonType.DECIMAL, "decimal(5,2)", nullable=False)
    >>> [hex(word[0]) for word in _decimal(field, pa.array([Decimal("-1.50")], pa.decimal128(5, 2)))]
    ['0x96', '0xb03c000000000000']
    >>> bson.Decimal128("-1.50").bid[::-1].hex()
    'b03c0000000000000000000000000096'
    """
    if pa.types.is_integer(column.type):
        column = column.cast(pa.decimal128(20, 0))
    start, count = column.offset * 2, len(column) * 2
    words = np.frombuffer(column.buffers()[1], "<u8")[start : start + count].reshape(-1, 2)
    low, high = words[:, 0].copy(), words[:, 1].copy()
    negative = high >> np.uint64(63) == 1
    low[negative] = ~low[negative] + np.uint64(1)
    high[negative] = ~high[negative] + (low[negative] == 0)
    if column.type.precision > MAX_DECIMAL_DIGITS:
        beyond = (high > _MAX_HIGH) | (high == _MAX_HIGH) & (low > _MAX_LOW)
        _reject(field, column, beyond)
    exponent = np.uint64((_DECIMAL_BIAS - column.type.scale) << 49)
    return [low, high | exponent | (negative.astype(np.uint64) << np.uint64(63))]


def _json_elements(field: Field, name: bytes, column: pa.Array) -> pa.Array:
    """Parse each JSON text. This is the only loop over rows, because each text may have another BSON type."""
    elements: list[bytes | None] = []
    for row, text in enumerate(column.to_pylist()):
        if text is None:
            elements.append(None)
            continue
        try:
            value = json.loads(
                text, parse_float=_decimal128, parse_constant=_no_constant, object_pairs_hook=_object
            )
            encoded = bson.encode({"": value})
        except (ValueError, ArithmeticError, RecursionError, bson.errors.InvalidDocument) as error:
            why = f"{text[:60]!r} {domain(field.type).beyond}: {error}"
            raise Unrepresentable(field, row, why) from None
        elements.append(encoded[4:5] + name + encoded[6:-1])
    return pa.array(elements, pa.binary())


def _decimal128(text: str) -> bson.Decimal128:
    return bson.Decimal128(Decimal(text))


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key is repeated")
    return value
