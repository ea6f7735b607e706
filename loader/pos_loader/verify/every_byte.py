"""Comparing what MongoDB holds with what MariaDB says, byte for byte.

A range of `_id` is read back as raw batches in key order and held against the expected buffer by memory
comparison; only a batch that differs is taken apart into documents. The bounds are those of the `_id` index
(`min` and `max`), not of a query: a query compares within one type, so a document whose `_id` is of a foreign
type would be in no range; index bounds follow BSON's order over all types, so it is in exactly one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING

from pos_loader.collection import Difference, Documents, Key, Partition
from pos_loader.servers.mongo import Handle, retrying, translated
from pos_loader.verify.first_difference import decoded, first_difference

BATCH_DOCUMENTS = 1_000_000
"""More than any reply holds: the server fills each to 16 MiB."""

_STRING = 0x02
_FIXED = {0x10: 4, 0x12: 8}
"""The bytes of a value by the BSON type of a key: int32 and int64."""

_LAZY: CodecOptions[RawBSONDocument] = CodecOptions(
    RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


@dataclass(frozen=True)
class Comparison:
    """The result for one partition.

    `missing` and `changed` are positions in the expected documents, `extra` the `_id` values MongoDB has
    beyond them (any BSON type), all in key order; `differences` describes the first few of them.
    """

    same: int = 0
    missing: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()
    extra: tuple[Any, ...] = ()
    differences: tuple[Difference, ...] = ()
    ambiguous: bool = False
    """An `_id` stands on more than one shard."""

    @property
    def total(self) -> int:
        """How many documents differ; 0 when MongoDB holds exactly the expected ones."""
        return len(self.missing) + len(self.changed) + len(self.extra)

    @property
    def found(self) -> int:
        """How many documents MongoDB holds in the range."""
        return self.same + len(self.changed) + len(self.extra)


def compare(handle: Handle, documents: Documents, partition: Partition, *, limit: int = 10) -> Comparison:
    """Compare the documents of `partition` in MongoDB with `documents`, which are all there should be.

    At most `limit` differences are described. Memory is one reply of the server beyond `documents`. A lost
    connection or cursor starts the partition again. Raises ConnectionFailed when MongoDB stays away.
    """
    with translated(handle.database.client, f"read {handle.full_name} back"):
        for attempt in retrying():
            with attempt:
                merge = _Merge(handle.full_name, documents, limit)
                for batch in read_batches(handle, partition, parent=_parent(documents.keys)):
                    merge.take(batch)
    return merge.result()


def compare_ids(handle: Handle, documents: Documents, partition: Partition) -> Comparison:
    """Compare only the `_id`s of `partition` in MongoDB with those of `documents`.

    Here `same` and `changed` (of another numeric type) are in both, `missing` only in `documents`, `extra`
    only in MongoDB. Raises as `compare` does.
    """
    ids = Documents(documents.keys, pa.array(_ids(documents), pa.binary()), {})
    with translated(handle.database.client, f"read the keys of {handle.full_name}"):
        for attempt in retrying():
            with attempt:
                merge = _Merge(handle.full_name, ids, 0)
                parent = _parent(documents.keys)
                for batch in read_batches(handle, partition, parent=parent, only_ids=True):
                    merge.take(batch)
    return merge.result()


def _ids(documents: Documents) -> Iterator[bytes]:
    """Cut each document down to its `_id`, which comes first.

    Source: https://bsonspec.org/spec.html
    """
    view, offsets = documents.buffer, documents.offsets if len(documents) else memoryview(b"")
    for start in (offset - offsets[0] for offset in offsets[:-1]):
        size = _FIXED.get(view[start + 4])
        if size is None:  # a string or a document, which say how long they are
            size = int.from_bytes(view[start + 9 : start + 13], "little")
            size += 4 if view[start + 4] == _STRING else 0
        element = view[start + 4 : start + 9 + size]
        yield (len(element) + 5).to_bytes(4, "little") + element + b"\0"


def read_batches(
    handle: Handle, partition: Partition, *, parent: str = "", only_ids: bool = False
) -> Iterator[bytes]:
    """Yield the documents of a key range as raw BSON, back to back, in `_id` order.

    `parent` is the first field of a bucket's `_id`: with it alone, a document sorts before all its buckets.
    """
    bounds: dict[str, Any] = {}
    for name, key in (("min", partition.lo), ("max", partition.hi)):
        if key is not None:
            bounds[name] = {"_id": {parent: key} if parent else key}
    order = [("_id", ASCENDING)]
    bounds |= {"projection": {"_id": 1}} if only_ids else {}
    yield from handle.find_raw_batches({}, sort=order, hint=order, batch_size=BATCH_DOCUMENTS, **bounds)


def split(batch: bytes) -> Iterator[bytes]:
    """Yield the documents of a batch one by one; each begins with its length."""
    view, at = memoryview(batch), 0
    while at < len(view):
        size = int.from_bytes(view[at : at + 4], "little")
        yield bytes(view[at : at + size])
        at += size


@dataclass
class _Merge:
    """Both sides in step: `position` is the next expected document."""

    namespace: str
    documents: Documents
    limit: int
    position: int = 0
    same: int = 0
    missing: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    extra: list[Any] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    ambiguous: bool = False

    def __post_init__(self) -> None:
        self.expected = pa.py_buffer(self.documents.buffer)
        offsets = np.asarray(self.documents.offsets) if len(self.documents) else np.zeros(1, np.int32)
        self.ends = offsets - offsets[0]

    def take(self, batch: bytes) -> None:
        start, found = int(self.ends[self.position]), pa.py_buffer(batch)
        if start + len(batch) <= len(self.expected) and found.equals(self.expected.slice(start, len(batch))):
            # A document carries its length, so equal bytes end at the same boundary.
            last = int(np.searchsorted(self.ends, start + len(batch)))
            self.same += last - self.position
            self.position = last
            return
        for raw in split(batch):
            self._take_one(raw)

    def _take_one(self, raw: bytes) -> None:
        if self.position < len(self.documents) and raw == self._expected(self.position):
            self.same += 1
            self.position += 1
            return
        key = document_id(raw)
        place = self._find(key)
        if place is None or place < self.position:
            twice = "" if place is None else "a second document with this _id, on another shard"
            self.extra.append(key)
            self.ambiguous |= place is not None
            self._note(key, "extra", found=twice)
            return
        self._skip_to(place)
        self.position = place + 1
        if raw == self._expected(place):
            self.same += 1
            return
        self.changed.append(place)
        if len(self.differences) < self.limit:
            self._note(key, "changed", *first_difference(self._expected(place), raw))

    def _expected(self, position: int) -> bytes:
        return bytes(self.documents.buffer[self.ends[position] : self.ends[position + 1]])

    def _find(self, key: Any) -> int | None:
        """The position of the expected document that `_id` equals, as MongoDB compares: 5, 5.0 and 5 long."""
        keys = self.documents.keys
        value = _comparable(key, keys.type)
        if value is None:
            return None
        place = bisect_left(
            range(len(keys)), value, key=lambda index: _comparable(keys[index].as_py(), keys.type)
        )
        return place if place < len(keys) and _comparable(keys[place].as_py(), keys.type) == value else None

    def _skip_to(self, place: int) -> None:
        for position in range(self.position, place):
            self.missing.append(position)
            self._note(self.documents.keys[position].as_py(), "missing")

    def _note(self, key: Any, kind: str, path: str = "", expected: str = "", found: str = "") -> None:
        if len(self.differences) < self.limit:
            shown: Key = int(key) if isinstance(key, Int64) else key if type(key) in (int, str) else repr(key)
            self.differences.append(Difference(self.namespace, shown, kind, path, expected, found))

    def result(self) -> Comparison:
        self._skip_to(len(self.documents))
        self.position = len(self.documents)
        return Comparison(
            same=self.same,
            missing=tuple(self.missing),
            changed=tuple(self.changed),
            extra=tuple(self.extra),
            differences=tuple(self.differences),
            ambiguous=self.ambiguous,
        )


def _parent(keys: pa.Array) -> str:
    return str(keys.type.field(0).name) if pa.types.is_struct(keys.type) else ""


def _comparable(key: Any, kind: pa.DataType) -> Any:
    """A key as a value that sorts as it does among keys of `kind`; None for one that is none of them."""
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        if not isinstance(key, dict) or [*key] != [field.name for field in fields]:
            return None
        parts = tuple(_comparable(key[field.name], field.type) for field in fields)
        return None if None in parts else parts
    value = key.to_decimal() if isinstance(key, Decimal128) else key
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    comparable = isinstance(value, str) if is_text else isinstance(value, int | float | Decimal)
    # NaN equals no key
    return value if comparable and not isinstance(value, bool) and value == value else None


def document_id(raw: bytes) -> Any:
    """The `_id` alone, of any type, without decoding the rest."""
    key = document(raw)["_id"]
    return decoded(bytes(key.raw)) if isinstance(key, RawBSONDocument) else key


def document(raw: bytes) -> RawBSONDocument:
    """Wrap a document; a date that Python's type does not hold, of year 0 say, is a `DatetimeMS` in it."""
    return RawBSONDocument(raw, _LAZY)
