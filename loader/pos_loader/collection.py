"""What a load works on: a frozen description of each collection, and the values that steps hand on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import pyarrow as pa

Key = int | str
"""A document key: what a root row's key column holds and what becomes `_id`."""


class BsonType(StrEnum):
    """BSON types the encoder writes; the values are the `bsonType` aliases of `$jsonSchema`.

    Source: https://bsonspec.org/spec.html and
    https://www.mongodb.com/docs/manual/reference/operator/query/type/
    """

    DOUBLE = "double"
    STRING = "string"
    JSON = "object"
    BINARY = "binData"
    BOOL = "bool"
    DATE = "date"
    INT32 = "int"
    INT64 = "long"
    DECIMAL = "decimal"


class OnOverflow(StrEnum):
    """What happens to items beyond an array's `max_items`: an error, left out, or put in buckets."""

    FAIL = "fail"
    NEWEST = "newest"
    OVERFLOW = "overflow"


class Coercion(StrEnum):
    """A declared change of dates that BSON cannot hold. The values are the words of `coerce`."""

    MILLISECONDS = "milliseconds"
    """Microseconds are cut off: 10:00:00.123999 becomes 10:00:00.123."""
    MISSING = "missing"
    """A date with a zero month or a zero day becomes NULL."""


@dataclass(frozen=True)
class Field:
    """One mart column and the document field it becomes."""

    column: str
    name: str
    type: BsonType
    data_type: str
    """The contract's SQL type, lower case: `decimal(19,4)`."""
    nullable: bool
    keep_null: bool = False
    """Whether a NULL becomes BSON null; otherwise the document lacks the field."""
    coerce: tuple[Coercion, ...] = ()


@dataclass(frozen=True)
class Level:
    """One model and its place in the document: the root, or an array of its parent."""

    name: str
    """The array's field name in the parent; empty at the root."""
    model: str
    """The shortest name that no other model has, for messages; `node` identifies the model."""
    schema: str
    table: str
    key: tuple[str, ...]
    """The clustered primary key. That of an embedded model begins with its parent's key."""
    fields: tuple[Field, ...]
    """The fields in document order, without the keys of ancestors; at the root, `_id` is first."""
    order_by: tuple[str, ...] = ()
    max_items: int | None = None
    on_overflow: OnOverflow = OnOverflow.FAIL
    children: tuple[Level, ...] = ()
    node: str = ""
    """The model's unique id in dbt's manifest."""
    path: str = ""
    """The array's path in the document, `orders.lines`; empty at the root.

    Two levels of one model differ by it.
    """
    hidden: tuple[Field, ...] = ()
    """Columns that are read but do not become fields: keys of ancestors, sort columns."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column to read: the key, the sort columns, then the fields, each once."""
        names = [*self.key, *self.order_by, *(each.column for each in self.fields)]
        return tuple(dict.fromkeys(names))

    def walk(self) -> Iterator[Level]:
        """Yield this level and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class Index:
    """A declared secondary index: MongoDB key pattern and `createIndexes` options."""

    keys: tuple[tuple[str, int | str], ...]
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The declared name, or MongoDB's default: `city_1_state_1`."""
        return str(self.options.get("name") or "_".join(f"{key}_{kind}" for key, kind in self.keys))

    @property
    def unique(self) -> bool:
        """Whether the index is declared unique."""
        return bool(self.options.get("unique"))


@dataclass(frozen=True)
class ZoneRange:
    """Values of the shard key's first field, from `lo` up to but not including `hi`, and their zone.

    The values are as in the documents; `MinKey` and `MaxKey` are no bound.
    """

    zone: str
    lo: object
    hi: object


BUCKET, BUCKET_FIELD = "\0bucket", "bucket"
"""The number of a bucket within its parent: in tables, where no column has such a name, and in `_id`."""


@dataclass(frozen=True)
class Buckets:
    """A collection of buckets: it holds the items that do not fit in the documents of a main collection.

    The root of such a collection is the array's level. Its `max_items` items stay in the main document.
    """

    exposure: str
    parent: Field
    """The parent's key: a bucket's `_id` holds it and the bucket's number, in this order."""
    items: int
    """The largest number of items in one bucket."""


@dataclass(frozen=True)
class Collection:
    """One declared MongoDB collection."""

    name: str
    """Its name in notes and results: the exposure's name; for buckets `<exposure>.<array>`."""
    database: str
    collection: str
    root: Level
    shard_key: tuple[tuple[str, int | str], ...]
    """Field paths and kinds (1 or "hashed"); empty for a collection declared unsharded."""
    indexes: tuple[Index, ...] = ()
    drop_indexes: tuple[str, ...] = ()
    """Names of indexes that others made and that a load drops."""
    unknown_member: Key | None = None
    chunks: int | None = None
    """Initial chunks to pre-split into; None for two per shard."""
    zones: tuple[ZoneRange, ...] | None = None
    """The declared zones in order of their values; None leaves those of others as they are."""
    allow_empty: bool = False
    """Whether its marts may have no rows."""
    max_delete_share: float = 0.1
    """The largest share of live documents a load may delete."""
    document_budget: int = 1024 * 1024
    """A load warns of documents with more bytes."""
    buckets: Buckets | None = None
    node: str = ""
    """The exposure's unique id in dbt's manifest."""
    group: str = ""
    """The declared `all_or_none` group; empty for a collection that is published by itself."""

    @property
    def key_column(self) -> str:
        """The root column that becomes `_id`; for buckets, the parent's column inside `_id`."""
        return self.root.key[0]

    @property
    def exposure(self) -> str:
        """The exposure that declares it."""
        return self.buckets.exposure if self.buckets else self.name

    @property
    def document(self) -> Level:
        """The level of whole documents: the root, or a bucket with its array, keyed by its number."""
        if self.buckets is None:
            return self.root
        array = replace(_in_bucket(self.root), max_items=self.buckets.items, on_overflow=OnOverflow.FAIL)
        return replace(
            self.root,
            name="",
            key=array.key[:2],
            fields=(),
            order_by=(),
            max_items=None,
            on_overflow=OnOverflow.FAIL,
            children=(array,),
        )


def _in_bucket(level: Level) -> Level:
    key = (level.key[0], BUCKET, *level.key[1:])
    return replace(level, key=key, children=tuple(map(_in_bucket, level.children)))


@dataclass(frozen=True)
class Partition:
    """A half-open range [lo, hi) of document keys. None is no bound, so ranges cover every possible key."""

    index: int
    lo: Key | None
    hi: Key | None

    @classmethod
    def of(cls, index: int, key: Key) -> Partition:
        """Return the range that holds this key and no other."""
        return cls(index, key, _next(key))

    @property
    def only(self) -> Key | None:
        """The only key that the range can hold; None if it can hold several."""
        return self.lo if self.lo is not None and self.hi == _next(self.lo) else None


def _next(key: Key) -> Key:
    return key + 1 if isinstance(key, int) else key + "\0"


@dataclass(frozen=True)
class Documents:
    """The encoded documents of one partition.

    `keys` holds the N document keys in ascending order: int64 or string, or for buckets a struct of parent
    key and number. `bson` holds the N documents as an Arrow binary array without nulls; its data buffer is
    one document after the other. Three counters hold the rows that were read, by path of their level:
    `rows` are nested here, `left_out` are beyond `max_items`, and `elsewhere` are in the buckets (for
    buckets: in the main documents). `conform` is true if every document is known to pass the validator:
    the required fields are there, no array is too long, and the encoder wrote the types. `coerced` counts
    the values that were changed as declared, by `model.column: way`.
    """

    keys: pa.Array
    bson: pa.Array
    rows: Mapping[str, int]
    left_out: Mapping[str, int] = field(default_factory=dict)
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    conform: bool = False
    coerced: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.bson)

    @property
    def nbytes(self) -> int:
        """Total BSON bytes."""
        return len(self.buffer)

    @property
    def offsets(self) -> memoryview:
        """N + 1 int32 offsets into `buffer`. Document i is `buffer[offsets[i]:offsets[i + 1]]`."""
        start = self.bson.offset * 4
        view = memoryview(self.bson.buffers()[1])[start : start + (len(self.bson) + 1) * 4]
        return view.cast("i")

    def document(self, position: int) -> bytes:
        """Return the bytes of one document."""
        data: bytes = self.bson[position].as_py()
        return data

    def take(self, positions: Sequence[int]) -> Documents:
        """Return these documents in this order. The counters of rows are empty."""
        chosen = pa.array(positions, pa.int64())
        return Documents(self.keys.take(chosen), self.bson.take(chosen), {}, conform=self.conform)

    @property
    def buffer(self) -> memoryview:
        """The bytes of all documents, one after the other."""
        if not len(self.bson):
            return memoryview(b"")
        offsets = self.offsets
        return memoryview(self.bson.buffers()[2])[offsets[0] : offsets[-1]]


@dataclass(frozen=True)
class Difference:
    """One document that differs between MongoDB and MariaDB.

    `kind` is "missing" (not in MongoDB), "extra" (not in MariaDB) or "changed". `path` is the first field
    that differs ("orders.0.lines.2.quantity"; empty for missing and extra). `expected` and `found` are its
    two values as text.
    """

    collection: str
    id: Key
    kind: str
    path: str = ""
    expected: str = ""
    found: str = ""


@dataclass(frozen=True)
class Figure:
    """One count or sum of a collection, taken in MariaDB and in MongoDB.

    `level` is the array's path ("orders.lines"; empty for the documents). `field` is the field's name (empty
    for the whole level). `measure` says what was counted or added up. Both values are text.
    """

    level: str
    field: str
    measure: str
    mariadb: str
    mongodb: str
    equal: bool

    def __str__(self) -> str:
        """Spell the figure: `orders.lines.quantity, sum: 12 in MariaDB, 13 in MongoDB`."""
        path = ".".join(filter(None, (self.level, self.field)))
        what = f"{path}, {self.measure}" if path else self.measure
        return f"{what}: {self.mariadb} in MariaDB, {self.mongodb} in MongoDB"


@dataclass(frozen=True)
class Wait:
    """One wait of more than three seconds: for which server, what it was to do, and how long."""

    server: str
    purpose: str
    seconds: float


@dataclass(frozen=True)
class Reject:
    """One document that MongoDB refused: the error code, the reason in words, and the document's bytes."""

    collection: str
    id: Key
    code: int
    reason: str
    document: bytes
