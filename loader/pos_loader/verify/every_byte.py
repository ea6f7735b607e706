"""Change detection: what MongoDB holds against what MariaDB says, byte for byte.

MongoDB returns a range of `_id` as raw batches in key order. Each batch is compared with the expected buffer
in one memory comparison, and only a batch that differs is split into documents.

A range is given as bounds of the `_id` index (`min` and `max`), not as a query. A query compares values of
one type only, so a document whose `_id` has a foreign type would be in no range. Index bounds follow BSON's
order over all types, so every document is in exactly one range.
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
from pos_loader.servers.mongo import Handle, retrying, translated, working
from pos_loader.verify.first_difference import decoded, first_difference

BATCH_DOCUMENTS = 1_000_000
"""More than any reply holds, so the server fills each reply to 16 MiB."""

_STRING = 0x02
_FIXED = {0x10: 4, 0x12: 8}
"""The bytes of a key by its BSON type: int32 and int64."""

_LAZY: CodecOptions[RawBSONDocument] = CodecOptions(
    RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


@dataclass(frozen=True)
class Comparison:
    """The result for one partition.

    `missing` and `changed` are positions in the expected documents. `extra` holds the `_id`s, of any BSON
    type, that only MongoDB has. All three are in key order, and `differences` describes the first few.
    """

    same: int = 0
    missing: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()
    extra: tuple[Any, ...] = ()
    differences: tuple[Difference, ...] = ()
    ambiguous: bool = False
    """Whether an `_id` occurs on more than one shard."""

    @property
    def total(self) -> int:
        """How many documents differ; 0 means that MongoDB holds exactly the expected ones."""
        return len(self.missing) + len(self.changed) + len(self.extra)

    @property
    def found(self) -> int:
        """How many documents MongoDB holds in the range."""
        return self.same + len(self.changed) + len(self.extra)


def compare(handle: Handle, documents: Documents, partition: Partition, *, limit: int = 10) -> Comparison:
    """Compare the documents of `partition` in MongoDB with `documents`, which are all that should be there.

    At most `limit` differences are described. Beyond `documents`, memory holds one reply of the server. After
    a lost connection or cursor the partition starts again. Raises ConnectionFailed when MongoDB stays away.
    """
    with translated(handle.database.client, f"read {handle.full_name} back", is_work=True):
        for attempt in retrying():
            with attempt:
                merge = _Merge(handle.full_name, documents, limit)
                for batch in read_batches(handle, partition, parent=_parent(documents.keys)):
                    merge.take(batch)
    return merge.result()


def compare_ids(handle: Handle, documents: Documents, partition: Partition) -> Comparison:
    """Compare only the `_id`s of `partition` in MongoDB with those of `documents`.

    In this comparison `same` and `changed` are in both (a changed `_id` has another numeric type), `missing`
    are only in `documents`, `extra` only in MongoDB. Raises as `compare` does.
    """
    ids = Documents(documents.keys, pa.array(_ids(documents), pa.binary()), {})
    with translated(handle.database.client, f"read the keys of {handle.full_name}", is_work=True):
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
        if size is None:  # a string or a document begins with its length
            size = int.from_bytes(view[start + 9 : start + 13], "little")
            size += 4 if view[start + 4] == _STRING else 0
        element = view[start + 4 : start + 9 + size]
        yield (len(element) + 5).to_bytes(4, "little") + element + b"\0"


def read_batches(
    handle: Handle, partition: Partition, *, parent: str = "", only_ids: bool = False
) -> Iterator[bytes]:
    """Yield batches of a key range: raw BSON documents, one after the other, in `_id` order.

    `parent` names the first field of a bucket's `_id`. A bound `{parent: key}` without the bucket's number
    sorts before all buckets of that key.
    """
    bounds: dict[str, Any] = {}
    for name, key in (("min", partition.lo), ("max", partition.hi)):
        if key is not None:
            bounds[name] = {"_id": {parent: key} if parent else key}
    order = [("_id", ASCENDING)]
    bounds |= {"projection": {"_id": 1}} if only_ids else {}
    found: Any = handle.find_raw_batches({}, sort=order, hint=order, batch_size=BATCH_DOCUMENTS, **bounds)
    while batch := working(handle, f"read {handle.full_name}", lambda: next(found, None)):
        yield batch


def split(batch: bytes) -> Iterator[bytes]:
    """Yield the documents of a batch one by one; each begins with its length.

    >>> import bson
    >>> [bson.decode(raw) for raw in split(bson.encode({"_id": 1}) + bson.encode({"_id": 2}))]
    [{'_id': 1}, {'_id': 2}]
    """
    view, at = memoryview(batch), 0
    while at < len(view):
        size = int.from_bytes(view[at : at + 4], "little")
        yield bytes(view[at : at + size])
        at += size


@dataclass
class _Merge:
    """One pass in key order over the expected documents and those of MongoDB.

    `position` is the index of the next expected document. In this example, documents 1, 2 and 4 are expected.
    MongoDB has 2, an old version of 4, and 5. So document 1 (position 0) is missing and document 4 (position
    2) is changed. Document 5 is extra: it has no position, so its key is given.

    >>> import bson
    >>> new = [bson.encode({"_id": key, "name": name}) for key, name in [(1, "Ann"), (2, "Bo"), (4, "Di")]]
    >>> expected = Documents(pa.array([1, 2, 4]), pa.array(new, pa.binary()), {})
    >>> merge = _Merge("shop.customers", expected, limit=9)
    >>> merge.take(new[1] + bson.encode({"_id": 4, "name": "Dee"}) + bson.encode({"_id": 5}))
    >>> result = merge.result()
    >>> result.same, result.missing, result.changed, result.extra
    (1, (0,), (2,), (5,))
    >>> for difference in result.differences:
    ...     print(difference.kind, difference.id, difference.path, difference.expected, difference.found)
    missing 1
    changed 4 name string 'Di' string 'Dee'
    extra 5
    """

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
        position = self._find(key)
        if position is None or position < self.position:
            twice = "" if position is None else "a second document with this _id, on another shard"
            self.extra.append(key)
            self.ambiguous |= position is not None
            self._note(key, "extra", found=twice)
            return
        self._skip_to(position)
        self.position = position + 1
        if raw == self._expected(position):
            self.same += 1
            return
        self.changed.append(position)
        if len(self.differences) < self.limit:
            self._note(key, "changed", *first_difference(self._expected(position), raw))

    def _expected(self, position: int) -> bytes:
        return bytes(self.documents.buffer[self.ends[position] : self.ends[position + 1]])

    def _find(self, key: Any) -> int | None:
        """Find the position of the expected document with this `_id`; None where there is none.

        Numbers compare as in MongoDB: 5, 5.0 and long 5 are equal.
        """
        keys = self.documents.keys
        value = _comparable(key, keys.type)
        if value is None:
            return None
        position = bisect_left(
            range(len(keys)), value, key=lambda index: _comparable(keys[index].as_py(), keys.type)
        )
        found = position < len(keys) and _comparable(keys[position].as_py(), keys.type) == value
        return position if found else None

    def _skip_to(self, position: int) -> None:
        for skipped in range(self.position, position):
            self.missing.append(skipped)
            self._note(self.documents.keys[skipped].as_py(), "missing")

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
    """Turn a key into a Python value that sorts as MongoDB sorts it among keys of `kind`.

    Returns None for a key that equals no key of that kind.
    """
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
    """Read the `_id`, of any type, without decoding the rest of the document."""
    key = document(raw)["_id"]
    return decoded(bytes(key.raw)) if isinstance(key, RawBSONDocument) else key


def document(raw: bytes) -> RawBSONDocument:
    """Wrap a document. Dates outside Python's years, of year 0 say, are read as `DatetimeMS`."""
    return RawBSONDocument(raw, _LAZY)
