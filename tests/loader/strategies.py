"""Strategies for mart columns and nested tables, and the oracle: plain dicts through `bson.encode`.

Every strategy draws a source value together with the Python value that BSON should hold, so no expected
value comes from the code under test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import bson
import pyarrow as pa
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pos_loader.collection import BsonType, Collection, Field, Level

Pair = tuple[Any, Any]
"""A source value as MariaDB gives it, and the value the document should hold."""
Row = dict[str, Pair]

EPOCH = date(1970, 1, 1)
INT64 = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3),
    st.sampled_from([-(2**63), 2**63 - 1, -(2**31), 2**31]),
)
TEXT = st.one_of(
    st.text(max_size=12), st.sampled_from(["", "\0", "a\0b", "é", "🛒", "\uffff", "\U00010000", "x" * 300])
)


def examples(count: int) -> settings:
    """Settings of one property; Hypothesis' own `ci` profile makes it deterministic in CI."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    return settings(max_examples=count, deadline=None, suppress_health_check=slow)


def spell(number: Decimal) -> str:
    """Write a decimal with fraction digits as JSON text, in either notation."""
    return format(number, "E" if number.adjusted() % 2 else "f")


def decimal_pair(unscaled: int, scale: int) -> tuple[Decimal, Decimal128]:
    """Give `unscaled` / 10 ** `scale` without the context's rounding."""
    digits = tuple(int(digit) for digit in str(abs(unscaled)))
    value = Decimal((int(unscaled < 0), digits, -scale))
    return value, Decimal128(value)


def day_pair(day: date) -> tuple[date, datetime]:
    """Give a DATE and the UTC midnight it becomes."""
    return day, datetime(day.year, day.month, day.day, tzinfo=UTC)


def _json_pairs() -> st.SearchStrategy[Pair]:
    """JSON text next to its value; decimals keep their digits, whole numbers are integers."""
    decimals = st.builds(decimal_pair, st.integers(-(10**34) + 1, 10**34 - 1), st.integers(1, 40)).map(
        lambda pair: (spell(pair[0]), Decimal128(spell(pair[0])))
    )
    scalars = st.one_of(
        st.sampled_from([("null", None), ("true", True), ("false", False)]),
        INT64.map(lambda number: (str(number), number)),
        decimals,
        TEXT.map(lambda text: (json.dumps(text), text)),
        TEXT.map(lambda text: (json.dumps(text, ensure_ascii=False), text)),
    )
    names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4)

    def array(items: list[Pair]) -> Pair:
        return f"[{', '.join(text for text, _ in items)}]", [value for _, value in items]

    def document(items: dict[str, Pair]) -> Pair:
        members = ", ".join(f"{json.dumps(name)}: {text}" for name, (text, _) in items.items())
        return f"{{{members}}}", {name: value for name, (_, value) in items.items()}

    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=12).map(array), st.dictionaries(names, inner, max_size=4).map(document)
        ),
        max_leaves=14,
    )


@dataclass(frozen=True)
class Kind:
    """A source column type, the BSON type it is declared as, and its values in pairs."""

    bson: BsonType
    arrow: pa.DataType
    pairs: st.SearchStrategy[Pair]


def _same(bson_type: BsonType, arrow: pa.DataType, values: st.SearchStrategy[Any]) -> Kind:
    return Kind(bson_type, arrow, values.map(lambda value: (value, value)))


def _integer(bson_type: BsonType, arrow: pa.DataType, low: int, high: int) -> Kind:
    wrap: Callable[[int], int] = Int64 if bson_type is BsonType.INT64 else int
    values = st.one_of(st.integers(low, high), st.sampled_from([low, high, 0, 1]))
    return Kind(bson_type, arrow, values.map(lambda value: (value, wrap(value))))


@st.composite
def _decimal_kinds(draw: st.DrawFn) -> Kind:
    precision = draw(st.integers(1, 34))
    scale = draw(st.integers(0, min(precision, 30)))
    largest = 10**precision - 1
    unscaled = st.one_of(st.integers(-largest, largest), st.sampled_from([0, 1, -1, largest, -largest]))
    wide = draw(st.booleans())
    return Kind(
        BsonType.DECIMAL,
        pa.decimal128(38 if wide else precision, scale),
        unscaled.map(lambda number: decimal_pair(number, scale)),
    )


def _kinds() -> list[Kind]:
    days = st.one_of(st.dates(), st.sampled_from([EPOCH, date.min, date.max, date(1969, 12, 31)]))
    moments = st.one_of(
        st.datetimes().map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)),
        st.sampled_from(
            [datetime(1969, 12, 31, 23, 59, 59, 999000), datetime(1, 1, 1), datetime(1970, 1, 1)]
        ),
    )
    strings = TEXT.map(lambda text: (text, text))
    floats = st.floats()
    kinds = [
        _same(BsonType.DOUBLE, pa.float64(), floats),
        _same(BsonType.DOUBLE, pa.float32(), st.floats(width=32)),
        _same(BsonType.BINARY, pa.binary(), st.binary(max_size=20)),
        _same(BsonType.BINARY, pa.large_binary(), st.binary(max_size=20)),
        Kind(BsonType.BOOL, pa.int8(), st.integers(0, 1).map(lambda bit: (bit, bool(bit)))),
        Kind(BsonType.BOOL, pa.uint8(), st.integers(0, 1).map(lambda bit: (bit, bool(bit)))),
        _same(BsonType.BOOL, pa.bool_(), st.booleans()),
        Kind(BsonType.DATE, pa.date32(), days.map(day_pair)),
        Kind(BsonType.DATE, pa.timestamp("us"), moments.map(lambda moment: (moment, moment))),
        Kind(BsonType.DATE, pa.timestamp("ms"), moments.map(lambda moment: (moment, moment))),
        Kind(BsonType.JSON, pa.string(), _json_pairs()),
        Kind(BsonType.JSON, pa.large_string(), _json_pairs()),
    ]
    kinds += [
        Kind(BsonType.STRING, arrow, strings) for arrow in (pa.string(), pa.large_string(), pa.string())
    ]
    for bits in (8, 16, 32, 64):
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        signed, unsigned = getattr(pa, f"int{bits}")(), getattr(pa, f"uint{bits}")()
        kinds.append(_integer(BsonType.INT64, signed, low, high))
        kinds.append(_integer(BsonType.INT64, unsigned, 0, min(2**bits, 2**63) - 1))
        kinds.append(_integer(BsonType.INT32, signed, max(low, -(2**31)), min(high, 2**31 - 1)))
        kinds.append(_integer(BsonType.INT32, unsigned, 0, min(2**bits, 2**31) - 1))
    return kinds


KINDS = _kinds()


def kinds() -> st.SearchStrategy[Kind]:
    """Any source type with any BSON type it may be declared as."""
    return st.one_of(st.sampled_from(KINDS), _decimal_kinds())


def expected(fields: Iterable[Field], row: Row) -> dict[str, Any]:
    """Build the document of one row: fields in order, NULL left out unless declared otherwise."""
    document = {}
    for field in fields:
        source, value = row[field.column]
        if source is not None or field.keep_null:
            document[field.name] = value
    return document


def same_bytes(documents: pa.Array, oracle: Sequence[Mapping[str, Any]]) -> None:
    """Compare document by document; decode only to explain a difference."""
    assert len(documents) == len(oracle)
    for found, document in zip(documents.to_pylist(), oracle, strict=True):
        wanted = bson.encode(document)
        if found != wanted:
            assert bson.decode(found) == bson.decode(wanted)
            assert found == wanted


def field_of(name: str, kind: BsonType, *, column: str = "", keep_null: bool = False) -> Field:
    """Declare one field; the SQL type is the spec's business, not the encoder's."""
    return Field(column or name, name, kind, "any", nullable=True, keep_null=keep_null)


@dataclass(frozen=True)
class Columns:
    """Declared fields, the rows in pairs, and the columns' Arrow types."""

    fields: tuple[Field, ...]
    rows: list[Row]
    types: dict[str, pa.DataType]

    def table(self, *, padding: Sequence[Row] = (), chunks: int = 1) -> pa.Table:
        """Build the Arrow table; `padding` rows stand before and after it and are sliced away."""
        return build_table(self.types, self.rows, padding=padding, chunks=chunks)


def build_table(
    types: Mapping[str, pa.DataType], rows: Sequence[Row], *, padding: Sequence[Row] = (), chunks: int = 1
) -> pa.Table:
    """Build a table of the rows' source values, as a slice of a longer one and in several chunks."""
    padded = [*padding, *rows, *padding]
    columns = {name: pa.array([row[name][0] for row in padded], kind) for name, kind in types.items()}
    table = pa.table(columns).slice(len(padding), len(rows))
    if chunks > 1 and len(rows) > 1:
        cut = len(rows) // 2
        table = pa.concat_tables([table.slice(0, cut), table.slice(cut)])
    return table


@st.composite
def columns(draw: st.DrawFn, *, prefix: str = "c", at_most: int = 5, rows: int | None = None) -> Columns:
    """Draw fields of any kinds, renamed and unordered, with NULLs anywhere; some columns are no fields."""
    count = draw(st.integers(0, 9)) if rows is None else rows
    picked = [KEY_KINDS[0], *draw(st.lists(kinds(), max_size=at_most))]
    names = [f"{prefix}{index}" for index in range(len(picked))]
    values: list[list[Pair]] = []
    for kind in picked:
        share = draw(st.sampled_from(["never", "some", "always"]))
        null: st.SearchStrategy[Pair] = st.just((None, None))
        pairs = {"never": kind.pairs, "some": st.one_of(null, kind.pairs), "always": null}[share]
        values.append(draw(st.lists(pairs, min_size=count, max_size=count)))
    fields = []
    for name, kind in zip(names, picked, strict=True):
        if draw(st.integers(0, 5)):  # the others are excluded columns
            label = draw(st.sampled_from(["", "é", "New Name ", "x"])) + name
            fields.append(field_of(label, kind.bson, column=name, keep_null=draw(st.booleans())))
    return Columns(
        tuple(draw(st.permutations(fields))),
        [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)],
        {name: kind.arrow for name, kind in zip(names, picked, strict=True)},
    )


@dataclass(frozen=True)
class Nested:
    """A collection, one table of rows per level in key order, and the Arrow types of each."""

    collection: Collection
    rows: dict[Level, list[Row]]
    types: dict[Level, dict[str, pa.DataType]]

    def tables(self, *, padded: bool = False, chunks: int = 1) -> dict[Level, pa.Table]:
        """Build the Arrow tables, optionally as slices with a non-zero offset."""
        return {
            level: build_table(self.types[level], rows, padding=rows[:2] if padded else (), chunks=chunks)
            for level, rows in self.rows.items()
        }

    def documents(self) -> list[dict[str, Any]]:
        """Nest with loops and dicts: what `nest` must equal byte for byte."""
        return [self._document(self.collection.root, row) for row in self.rows[self.collection.root]]

    def _document(self, level: Level, row: Row) -> dict[str, Any]:
        document = expected(level.fields, row)
        for child in level.children:
            mine = [other for other in self.rows[child] if key_of(level, other) == key_of(level, row)]
            mine.sort(key=lambda other: [sortable(other[name][0]) for name in (*child.order_by, *child.key)])
            document[child.name] = [self._document(child, other) for other in mine]
        return document


def key_of(level: Level, row: Row) -> tuple[Any, ...]:
    """Give the key of `level` that a row of it, or of a level below, carries."""
    return tuple(row[name][0] for name in level.key)


def sortable(value: Any) -> tuple[bool, Any]:
    """Order NULL first and text by its UTF-8 bytes."""
    if isinstance(value, str):
        value = value.encode()
    return value is not None, value


@dataclass(frozen=True)
class _Shape:
    level: Level
    kinds: dict[str, Kind]


KEY_KINDS = [
    Kind(BsonType.INT64, pa.int64(), INT64.map(lambda value: (value, Int64(value)))),
    Kind(BsonType.INT64, pa.int64(), st.integers(0, 9).map(lambda value: (value, Int64(value)))),
    _integer(BsonType.INT32, pa.int32(), -(2**31), 2**31 - 1),
    _integer(BsonType.INT64, pa.uint32(), 0, 2**32 - 1),
    _integer(BsonType.INT32, pa.int8(), -128, 127),
    Kind(BsonType.STRING, pa.string(), TEXT.map(lambda text: (text, text))),
    Kind(BsonType.STRING, pa.large_string(), st.sampled_from("abcé🛒").map(lambda text: (text, text))),
]
ORDER_KINDS = [
    kind
    for kind in KINDS
    if kind.bson in (BsonType.STRING, BsonType.DATE, BsonType.INT64, BsonType.BINARY, BsonType.BOOL)
]


@st.composite
def _shapes(draw: st.DrawFn, name: str, inherited: tuple[tuple[str, Kind], ...], depth: int) -> list[_Shape]:
    """Draw a level and all below it; the level itself is first."""
    own_count = 1 if not inherited else draw(st.integers(1, 2))
    own = [(f"{name}_k{index}", draw(st.sampled_from(KEY_KINDS))) for index in range(own_count)]
    order_kinds = st.one_of(st.sampled_from(ORDER_KINDS), _decimal_kinds())
    sorts = {f"{name}_s{i}": draw(order_kinds) for i in range(draw(st.integers(0, 2)) if inherited else 0)}
    others = {f"{name}_c{i}": draw(kinds()) for i in range(draw(st.integers(0, 2)))}
    used = {**dict(own), **sorts, **others}
    fields = [
        field_of(f"{column}é", kind.bson, column=column, keep_null=draw(st.booleans()))
        for column, kind in used.items()
        if draw(st.integers(0, 4))
    ]
    if not inherited:
        fields = [field_of("_id", own[0][1].bson, column=own[0][0]), *fields]
    key = (*inherited, *own)
    below = draw(st.integers(0, 2 if depth else 0))
    inner = [draw(_shapes(f"{name}{'xy'[i]}", key, depth - 1)) for i in range(below)]
    sortable_columns = [column for column, _ in own] + list(sorts)
    order_by = draw(st.lists(st.sampled_from(sortable_columns), max_size=2, unique=True)) if inherited else []
    level = Level(
        name=f"{name}_array" if inherited else "",
        model=f"model_{name}",
        schema="analytics",
        table=f"model_{name}",
        key=tuple(column for column, _ in key),
        fields=tuple(fields),
        order_by=tuple(order_by),
        children=tuple(shapes[0].level for shapes in inner),
        path=f"{name}_array" if inherited else "",
    )
    return [_Shape(level, {**dict(key), **used}), *(shape for shapes in inner for shape in shapes)]


@st.composite
def nested(draw: st.DrawFn, *, depth: int = 3) -> Nested:
    """Draw a tree of levels, and for every parent row some child rows with distinct keys."""
    shapes = draw(_shapes("r", (), depth))
    by_level = {shape.level: shape for shape in shapes}
    rows: dict[Level, list[Row]] = {level: [] for level in by_level}

    def fill(level: Level, parent: Row, inherited: int, most: int) -> None:
        shape = by_level[level]
        own = level.key[inherited:]
        keys = draw(
            st.lists(
                st.tuples(*(shape.kinds[name].pairs for name in own)),
                max_size=most,
                unique_by=lambda pairs: tuple(source for source, _ in pairs),
            )
        )
        for pairs in keys:
            row: Row = {name: parent[name] for name in level.key[:inherited]}
            row |= dict(zip(own, pairs, strict=True))
            for name, kind in shape.kinds.items():
                if name not in row:
                    row[name] = draw(st.one_of(st.just((None, None)), kind.pairs, kind.pairs))
            rows[level].append(row)
            for child in level.children:
                fill(child, row, len(level.key), 4)

    root = shapes[0].level
    fill(root, {}, 0, 5)
    for level, mine in rows.items():
        mine.sort(key=lambda row: [sortable(row[name][0]) for name in level.key])
    types = {shape.level: {name: kind.arrow for name, kind in shape.kinds.items()} for shape in shapes}
    return Nested(collection_of(root), rows, types)


def collection_of(root: Level) -> Collection:
    """Wrap levels as a collection; nesting reads its root only."""
    return Collection(
        name="history", database="pos", collection="history", root=root, shard_key=(("_id", "hashed"),)
    )
