r"""Encodes columns as BSON, without a Python loop over rows.

A row's bytes are a sequence of *pieces*. One kind of piece packs constants and fixed-width values of all rows
in one buffer. The other kind has variable width (strings, nested arrays), which Arrow already holds as bytes
plus offsets. Arrow joins the pieces of each row in one pass. Two rows of {n: int32, s: string} have three
pieces:

>>> text = pa.array([b"Tea", b""], pa.binary())
>>> rows = _Rows(2)
>>> rows.constant(b"\0\0\0\0" + b"\x10n\0")  # the length, filled in at the end; type and name
>>> rows.fixed([np.array([7, 8], "<i4")])
>>> rows.constant(b"\x02s\0")  # still the first piece, because all of it has a fixed width
>>> rows.fixed([_lengths(text) + np.int32(1)])
>>> rows.variable(text)
>>> rows.constant(b"\0" + b"\0")  # the end of the string, the end of the document
>>> first, second = rows.documents().to_pylist()
>>> first
b'\x17\x00\x00\x00\x10n\x00\x07\x00\x00\x00\x02s\x00\x04\x00\x00\x00Tea\x00\x00'
>>> second == bson.encode({"n": 8, "s": ""})
True

Tests compare every result with `bson.encode` of the same rows.

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

Values = list[npt.NDArray[Any]]


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

    Each column has one chunk. `arrays` maps the name of each nested array to N bodies: the array's elements,
    without its length and end. With `positions` (N array indexes) the results are array elements instead:
    type, index, document. `ids` are N documents that become `_id`, for documents whose `_id` is not a column.

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
    rows = _Rows(table.num_rows)
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


class _Rows:
    """The pieces of N documents, in order. Neighbouring constants and fixed-width values become one piece."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pieces: list[pa.Array] = []
        self._sizes: npt.NDArray[np.int64] = np.zeros(count, np.int64)
        self._template = bytearray()
        self._holes: list[tuple[int, npt.NDArray[Any]]] = []
        self._head: npt.NDArray[np.uint8] | None = None
        self._prefix: pa.Array | None = None

    def prefix(self, array: pa.Array) -> None:
        """Put bytes before each document, which the document's length does not count."""
        self._prefix = array

    def constant(self, value: bytes) -> None:
        self._template += value

    def fixed(self, values: Values) -> None:
        for column in values:
            self._holes.append((len(self._template), column))
            self._template += bytes(column.itemsize)

    def variable(self, array: pa.Array) -> None:
        """Add a binary array; a null adds nothing."""
        self._flush()
        self._pieces.append(array)
        self._sizes += _lengths(array)

    def only(self, present: npt.NDArray[np.bool_], head: bytes, values: Values) -> None:
        """Add `head` and `values` in the rows marked `present`, nothing in the others."""
        holes, width = [], len(head)
        for column in values:
            holes.append((width, column[present]))
            width += column.itemsize
        packed = _pack(int(present.sum()), bytearray(head) + bytes(width - len(head)), holes)
        self.variable(_binary(np.concatenate(([0], np.cumsum(present, dtype=np.int64) * width)), packed))

    def documents(self) -> pa.Array:
        """Fill in the lengths, join the pieces and return the N documents."""
        self._flush()
        assert self._head is not None  # noqa: S101 - every document starts with its length
        _column(self._head, self._count, 0, np.dtype("<i4"))[:] = self._sizes
        pieces = self._pieces if self._prefix is None else [self._prefix, *self._pieces]
        if len(pieces) == 1:
            return pieces[0]
        empty = pa.scalar(b"", pa.binary())
        return pc.binary_join_element_wise(*pieces, empty, null_handling="replace", null_replacement="")

    def _flush(self) -> None:
        if not self._template:
            return
        width = len(self._template)
        packed = _pack(self._count, self._template, self._holes)
        if self._head is None:
            self._head = packed
        self._pieces.append(_binary(np.arange(self._count + 1, dtype=np.int64) * width, packed))
        self._sizes += width
        self._template, self._holes = bytearray(), []


def _pack(
    count: int, template: bytearray, holes: list[tuple[int, npt.NDArray[Any]]]
) -> npt.NDArray[np.uint8]:
    r"""Repeat `template` for each row and fill in its holes. Returns count * len(template) bytes.

    >>> _pack(2, bytearray(b"\x10n\0\0\0\0\0"), [(3, np.array([7, 8], "<i4"))]).tobytes()
    b'\x10n\x00\x07\x00\x00\x00\x10n\x00\x08\x00\x00\x00'
    """
    # Arrow's pool keeps its pages; malloc gives large blocks back and has to fault them in again.
    packed = np.frombuffer(pa.allocate_buffer(count * len(template)), np.uint8)
    packed.reshape(count, len(template))[:] = np.frombuffer(template, np.uint8)
    for offset, values in holes:
        _column(packed, count, offset, values.dtype)[:] = values
    return packed


def _column(packed: npt.NDArray[np.uint8], count: int, offset: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """View one hole of every row as a column with strides."""
    width = packed.size // count if count else 0
    return np.ndarray((count,), dtype, packed.data, offset if count else 0, (width,))


def _binary(offsets: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]) -> pa.Array:
    if offsets[-1] > np.iinfo(np.int32).max:
        raise OverflowError(f"one partition encodes to {offsets[-1]} bytes, more than 2 GiB")
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)


def _lengths(array: pa.Array) -> npt.NDArray[np.int32]:
    lengths = pc.binary_length(array)
    if array.null_count:
        lengths = pc.fill_null(lengths, 0)
    values: npt.NDArray[np.int32] = lengths.to_numpy()
    return values


def _element_heads(positions: npt.NDArray[np.int64]) -> pa.Array:
    r"""Write the head of each array element: its type byte, and its index as a C string.

    >>> _element_heads(np.array([0, 1, 12])).to_pylist()
    [b'\x030\x00', b'\x031\x00', b'\x0312\x00']
    """
    longest = int(positions.max()) + 1 if len(positions) else 0
    heads = pa.array([_DOCUMENT + str(index).encode() + b"\0" for index in range(longest)], pa.binary())
    return heads.take(pa.array(positions))


def _write_array(rows: _Rows, name: str, bodies: pa.Array) -> None:
    rows.constant(_ARRAY + name.encode() + b"\0")
    rows.fixed([_lengths(bodies) + np.int32(5)])
    rows.variable(bodies)
    rows.constant(b"\0")


def _write_field(rows: _Rows, field: Field, column: pa.Array) -> None:
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


def _write_fixed(rows: _Rows, head: bytes, values: Values, present: npt.NDArray[np.bool_] | None) -> None:
    if present is None:
        rows.constant(head)
        rows.fixed(values)
    else:
        rows.only(present, head, values)


def _write_bytes(
    rows: _Rows, field: Field, head: bytes, column: pa.Array, present: npt.NDArray[np.bool_] | None
) -> None:
    """Write a string (its length with the NUL, UTF-8, NUL) or a binary (its length, subtype 0, bytes)."""
    column = _as_binary(column)
    lengths = _lengths(column)
    if field.type is BsonType.STRING:
        values, tail = [lengths + np.int32(1)], b"\0"
    else:
        values, tail = [lengths, np.zeros(len(column), np.uint8)], b""
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
