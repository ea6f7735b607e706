r"""Joins pieces of bytes into documents, for all rows at once.

A row's bytes are a sequence of *pieces*. One kind of piece packs constants and fixed-width values of all rows
in one buffer. The other kind has variable width (strings, nested arrays), which Arrow already holds as bytes
plus offsets. Arrow joins the pieces of each row in one pass. Here are two rows of {n: int32, s: string}. Each
row has three pieces:

>>> from bson import encode
>>> text = pa.array([b"Tea", b""], pa.binary())
>>> rows = Rows(2)
>>> rows.constant(b"\0\0\0\0" + b"\x10n\0")  # the length, filled in at the end; type and name
>>> rows.fixed([np.array([7, 8], "<i4")])
>>> rows.constant(b"\x02s\0")  # still the first piece, because all of it has a fixed width
>>> rows.fixed([lengths(text) + np.int32(1)])  # the string's length, with its final zero byte
>>> rows.variable(text)
>>> rows.constant(b"\0" + b"\0")  # the end of the string, the end of the document
>>> first, second = rows.documents().to_pylist()
>>> first
b'\x17\x00\x00\x00\x10n\x00\x07\x00\x00\x00\x02s\x00\x04\x00\x00\x00Tea\x00\x00'
>>> second == encode({"n": 8, "s": ""})
True
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Values = list[npt.NDArray[Any]]


class Rows:
    """The pieces of N documents, in order. Neighbouring constants and fixed-width values become one piece."""

    def __init__(self, count: int) -> None:
        """Start with `count` documents that have no bytes yet."""
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
        """Add the same bytes to every row."""
        self._template += value

    def fixed(self, values: Values) -> None:
        """Add one value of each column to every row; the columns' types have a fixed width."""
        for column in values:
            self._holes.append((len(self._template), column))
            self._template += bytes(column.itemsize)

    def variable(self, array: pa.Array) -> None:
        """Add a binary array; a null adds nothing."""
        self._flush()
        self._pieces.append(array)
        self._sizes += lengths(array)

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


def lengths(array: pa.Array) -> npt.NDArray[np.int32]:
    """Give the number of bytes of each value; 0 for a null."""
    counted = pc.binary_length(array)
    if array.null_count:
        counted = pc.fill_null(counted, 0)
    values: npt.NDArray[np.int32] = counted.to_numpy()
    return values
