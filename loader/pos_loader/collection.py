"""What a load works on: one frozen description per MongoDB collection, and the values stages hand on."""

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
    """What becomes of the items beyond an array's `max_items`: an error, left out, or put in buckets."""

    FAIL = "fail"
    NEWEST = "newest"
    OVERFLOW = "overflow"


class Coercion(StrEnum):
    """A declared change of a date that BSON cannot hold; the values are its names in `coerce`."""

    MILLISECONDS = "milliseconds"
    """Cut to the millisecond it began in, toward the past."""
    MISSING = "missing"
    """A date with a zero month or a zero day is NULL."""


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
    """A NULL is written as BSON null instead of being left out."""
    coerce: tuple[Coercion, ...] = ()


@dataclass(frozen=True)
class Level:
    """One model and its place in the document: the root, or an array of its parent."""

    name: str
    """The array's field name in the parent; empty at the root."""
    model: str
    """The shortest name that means the model alone, for messages; `node` identifies it."""
    schema: str
    table: str
    key: tuple[str, ...]
    """The clustered primary key; an embedded model's begins with its parent's."""
    fields: tuple[Field, ...]
    """In document order, key columns of ancestors left out; at the root `_id` is first."""
    order_by: tuple[str, ...] = ()
    max_items: int | None = None
    on_overflow: OnOverflow = OnOverflow.FAIL
    children: tuple[Level, ...] = ()
    node: str = ""
    """The model's unique id in dbt's manifest."""
    path: str = ""
    """The array's place in the document, `orders.lines`; empty at the root.

    It tells the levels of one model apart.
    """
    hidden: tuple[Field, ...] = ()
    """The columns that are read and are no fields: keys of ancestors, sort columns left out."""

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


BUCKET, BUCKET_FIELD = "\0bucket", "bucket"
"""The number of a bucket within its parent: in tables, where no column has such a name, and in `_id`."""


@dataclass(frozen=True)
class Buckets:
    """What makes a collection one of buckets, which hold the items that another one's documents do not.

    The collection's root is then the level of the array, its `max_items` what the other collection keeps.
    """

    exposure: str
    parent: Field
    """The parent's document key, first field of a bucket's `_id`; second is the bucket's number."""
    items: int
    """The most items of one bucket."""


@dataclass(frozen=True)
class Collection:
    """One declared MongoDB collection."""

    name: str
    """What it is called in notes and results: the exposure's name; for buckets `<exposure>.<array>`."""
    database: str
    collection: str
    root: Level
    shard_key: tuple[tuple[str, int | str], ...]
    """Field paths and kinds (1 or "hashed"); empty for a collection declared unsharded."""
    indexes: tuple[Index, ...] = ()
    drop_indexes: tuple[str, ...] = ()
    """Indexes that others made, by name, which a load drops."""
    unknown_member: Key | None = None
    chunks: int | None = None
    """Initial chunks to pre-split into; None for two per shard."""
    allow_empty: bool = False
    """Whether its marts may have no rows."""
    max_delete_share: float = 0.1
    """The largest share of live documents a load may delete."""
    document_budget: int = 1024 * 1024
    """Bytes above which a document is warned of."""
    buckets: Buckets | None = None
    node: str = ""
    """The exposure's unique id in dbt's manifest."""
    group: str = ""
    """The declared `all_or_none` group; empty: it is published whether or not others are."""

    @property
    def key_column(self) -> str:
        """The root column that becomes `_id`, or that its buckets have in theirs."""
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
    """A half-open range [lo, hi) of document keys; None is open, so ranges cover every key there is."""

    index: int
    lo: Key | None
    hi: Key | None

    @classmethod
    def of(cls, index: int, key: Key) -> Partition:
        """The range of one key: [key, the next possible key)."""
        return cls(index, key, _next(key))

    @property
    def only(self) -> Key | None:
        """The one key there can be in the range; None where there may be more."""
        return self.lo if self.lo is not None and self.hi == _next(self.lo) else None


def _next(key: Key) -> Key:
    return key + 1 if isinstance(key, int) else key + "\0"


@dataclass(frozen=True)
class Documents:
    """The encoded documents of one partition.

    `keys` holds the N document keys in ascending order (int64 or string; for buckets a struct of parent key
    and number), `bson` the N documents as an Arrow binary array without nulls whose data buffer is the
    documents back to back. All rows read are, by path of their level, in `rows` (nested here), `left_out`
    (beyond `max_items`) or `elsewhere` (in the buckets; for buckets, in the main documents). `conform` says
    that all are known to be as the validator wants them: what is required is there, no array is too long,
    and the types are the encoder's. `coerced` counts the values changed as declared, by `model.column: way`.
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
        """N + 1 int32 offsets into `buffer`; document i is `buffer[offsets[i]:offsets[i + 1]]`."""
        start = self.bson.offset * 4
        view = memoryview(self.bson.buffers()[1])[start : start + (len(self.bson) + 1) * 4]
        return view.cast("i")

    def document(self, position: int) -> bytes:
        """One document's bytes."""
        data: bytes = self.bson[position].as_py()
        return data

    def take(self, positions: Sequence[int]) -> Documents:
        """Only these documents, in this order; `rows` counts nothing."""
        chosen = pa.array(positions, pa.int64())
        return Documents(self.keys.take(chosen), self.bson.take(chosen), {}, conform=self.conform)

    @property
    def buffer(self) -> memoryview:
        """All documents back to back."""
        if not len(self.bson):
            return memoryview(b"")
        offsets = self.offsets
        return memoryview(self.bson.buffers()[2])[offsets[0] : offsets[-1]]


@dataclass(frozen=True)
class Difference:
    """One document that is not in MongoDB as MariaDB has it.

    `kind` is "missing" (not in MongoDB), "extra" (not in MariaDB) or "changed"; `path` is the first field
    path that differs ("orders.0.lines.2.quantity"; empty for missing and extra), `expected` and `found`
    the two values as text.
    """

    collection: str
    id: Key
    kind: str
    path: str = ""
    expected: str = ""
    found: str = ""


@dataclass(frozen=True)
class Figure:
    """One figure of a collection, taken in MariaDB and in MongoDB.

    `level` is the array's path ("orders.lines"; empty for the documents), `field` the field's name (empty for
    the level as a whole), `measure` what was counted or added up; both values as text.
    """

    level: str
    field: str
    measure: str
    mariadb: str
    mongodb: str
    equal: bool

    def __str__(self) -> str:
        """One line for a person: `orders.lines.quantity, sum: 12 in MariaDB, 13 in MongoDB`."""
        path = ".".join(filter(None, (self.level, self.field)))
        what = f"{path}, {self.measure}" if path else self.measure
        return f"{what}: {self.mariadb} in MariaDB, {self.mongodb} in MongoDB"


@dataclass(frozen=True)
class Reject:
    """One document MongoDB refused: its error code, its words, and the document's bytes."""

    collection: str
    id: Key
    code: int
    reason: str
    document: bytes
