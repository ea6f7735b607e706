"""Document sizes before anything is written.

SQL adds up what every row will take, by the encoder's own widths (https://bsonspec.org/spec.html), so a size
is exact, but for two things that only make a document smaller: a JSON text (`JSON_FACTOR`), and items that a
size policy takes out. Where either may have happened, the few documents in question are encoded to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np

from pos_loader.collection import BUCKET_FIELD, BsonType, Collection, Field, Key, Level, OnOverflow, Partition
from pos_loader.declaration import coerce
from pos_loader.declaration.bson_types import domain
from pos_loader.documents.extract import extract
from pos_loader.documents.marts import placed, relation, where_clause
from pos_loader.documents.nest import nest
from pos_loader.errors import DataError
from pos_loader.servers.mariadb import Queries, literal, quote
from pos_loader.servers.mongo import MAX_DOCUMENT_BYTES

JSON_FACTOR = 8
"""BSON bytes per byte of JSON text, at most, beside its width: `1,` in an array becomes 4 bytes, a type, and
an index of up to ten digits and its end."""
MANY = 100
"""More documents than this are not encoded to know their size."""
NAMED = 999
"""More keys than this are not named to a query one by one: MariaDB would make a table of them.
Source: https://mariadb.com/kb/en/conversion-of-big-in-predicates-into-subqueries/"""
_ARRAY, _ELEMENT, _DOCUMENT = 7, 2, 5
_UNBOUNDED = 2**32
_LONGEST = {"tinytext": 255, "tinyblob": 255, "text": 65535, "blob": 65535}
_LONGEST |= {"mediumtext": 2**24, "mediumblob": 2**24}


@dataclass(frozen=True)
class DocumentSize:
    """One document's key (of a bucket, its parent's) and BSON bytes; at most so many, if not exact."""

    key: Key
    bytes: int
    is_exact: bool


@dataclass(frozen=True)
class ArraySize:
    """One array: its path, the key of the row it belongs to, and the rows that belong in it."""

    path: str
    key: tuple[tuple[str, Key], ...]
    items: int

    def __str__(self) -> str:
        """Spell it: `1,200 items in orders.lines of customer_id 7, order_id 12`."""
        key = ", ".join(f"{name} {value}" for name, value in self.key)
        return f"{self.items:,} items in {self.path} of {key}"


def widths(collection: Collection) -> dict[Level, int]:
    """The most bytes that a row of each level can take in a document, by its contract."""
    return {level: _widest(level) for level in collection.root.walk()}


def allowance(collection: Collection) -> int:
    """The bytes that the rows of one key may take in a document of the budget."""
    return collection.document_budget - _overhead(collection)


def check(
    queries: Queries, collection: Collection, *, within: Sequence[tuple[Key, Key]], allowed: int = 0
) -> str:
    """Say which documents are over the budget; empty if none can be.

    Counts of rows and declared `widths` settle most documents: those that may take more than the `allowance`
    are `within` these ranges of keys, first and last; only what may is measured. Raises `DataError` naming
    the largest document and its largest array where more than `allowed` are over 16 MiB.
    """
    suspects = _suspects(queries, collection, within) if within else []
    if not suspects:
        return ""
    keys = suspects if len(suspects) <= NAMED else ()
    documents, over, is_exact = largest(queries, collection, keys=keys)
    too_large = [each for each in documents if each.bytes > MAX_DOCUMENT_BYTES]
    if len(too_large) > allowed:
        _refuse(queries, collection, too_large)
    if not over:
        return ""
    return (
        f"{'' if is_exact else 'up to '}{over:,} documents of {collection.name} are over document_budget "
        f"{collection.document_budget:,}, the largest {_named(collection, documents[0])}"
    )


def _refuse(queries: Queries, collection: Collection, too_large: Sequence[DocumentSize]) -> None:
    largest = too_large[0]
    arrays = longest_arrays(queries, collection, top=1, keys=[largest.key])
    raise DataError(
        f"{_named(collection, largest)} of {collection.name} is over MongoDB's {MAX_DOCUMENT_BYTES:,}",
        where=f"one of {len(too_large)}; largest array: {arrays[0] if arrays else 'none'}",
        fix="nothing was written; declare max_items and on_overflow for it, or leave fields out",
    )


def _named(collection: Collection, size: DocumentSize) -> str:
    what = f"bucket of {collection.buckets.parent.name}" if collection.buckets else "_id"
    return f"{what} {size.key!r} with {'' if size.is_exact else 'up to '}{size.bytes:,} bytes"


def _suspects(queries: Queries, collection: Collection, within: Sequence[tuple[Key, Key]]) -> list[Key]:
    """The keys whose rows, were all as wide as they may be, would be over the budget; the first few."""
    key = quote(collection.key_column)
    ranges = " or ".join(f"{key} between {literal(first)} and {literal(last)}" for first, last in within)
    counts = " union all ".join(
        f"select {key} as k, count(*) * {_widest(level)} as b from {relation(level)}"  # noqa: S608
        f"{where_clause([*placed(level, collection), f'({ranges})'])} group by {key}"
        for level in collection.root.walk()
    )
    found = queries.rows(
        f"select k from ({counts}) as levels group by k "  # noqa: S608
        f"having sum(b) > {allowance(collection)} limit {NAMED + 1}"
    )
    return [key for (key,) in found]


def largest(
    queries: Queries, collection: Collection, *, keys: Sequence[Key] = ()
) -> tuple[list[DocumentSize], int, bool]:
    """The largest documents, `MANY` and all over 16 MiB, and how many are over the budget, and if exactly.

    Reads each mart once, or just the rows of `keys`. What is not exact is at most so many.
    """
    sizes = " union all ".join(_sizes(collection, keys))
    measured = f"select k, sum(b) + {_overhead(collection)} as b from ({sizes}) as levels group by k"  # noqa: S608
    ranked = (
        "select k, b, row_number() over (order by b desc, k) as place, "  # noqa: S608
        f"sum(b > {collection.document_budget}) over () as over_budget from ({measured}) as documents"
    )
    rows = queries.rows(
        f"select k, b, over_budget from ({ranked}) as ranked "  # noqa: S608
        f"where place <= {MANY} or b > {MAX_DOCUMENT_BYTES} order by place"
    )
    over = int(rows[0][2]) if rows else 0
    documents = [DocumentSize(key, int(size), _is_exact(collection)) for key, size, _ in rows]
    if _is_exact(collection):
        return documents, over, True
    documents = [
        _encoded(queries, collection, each) if place < 5 or each.bytes > collection.document_budget else each
        for place, each in enumerate(documents)
    ]
    documents.sort(key=lambda each: (not each.is_exact, -each.bytes))
    if over <= len(documents):
        return documents, sum(each.bytes > collection.document_budget for each in documents), True
    return documents, over, False


def _is_exact(collection: Collection) -> bool:
    levels = [*collection.root.walk()]
    has_json = any(field.type is BsonType.JSON for level in levels for field in level.fields)
    return not has_json and all(level.on_overflow is OnOverflow.FAIL for level in levels)


def _encoded(queries: Queries, collection: Collection, size: DocumentSize) -> DocumentSize:
    documents = nest(collection, extract(queries.server, collection, Partition.of(0, size.key)))
    lengths = np.diff(np.asarray(documents.offsets)) if len(documents) else np.zeros(1, np.int64)
    return replace(size, bytes=int(lengths.max()), is_exact=True)


def _sizes(collection: Collection, keys: Sequence[Key]) -> Iterator[str]:
    """One query per level: document key and the bytes its rows take in the document."""
    for path, parent, level in _arrays(collection):
        chosen = [f"{quote(collection.key_column)} in ({', '.join(map(literal, keys))})"] if keys else []
        conditions = where_clause([*placed(level, collection), *chosen])
        k = quote(collection.key_column)
        if not path:
            yield f"select {k} as k, {_row(level)} as b from {relation(level)}{conditions}"  # noqa: S608
            continue
        group = ", ".join(map(quote, parent))
        yield (
            f"select k, sum(b) as b from (select {k} as k, sum({_row(level)}) + {_DIGITS} as b "  # noqa: S608
            f"from {relation(level)}{conditions} group by {group}) as arrays group by k"
        )


def _arrays(collection: Collection) -> Iterator[tuple[str, tuple[str, ...], Level]]:
    """Each level with its path and its parent's key; the root of documents has neither."""

    def below(level: Level, path: str) -> Iterator[tuple[str, tuple[str, ...], Level]]:
        for child in level.children:
            inner = f"{path}.{child.name}" if path else child.name
            yield inner, level.key, child
            yield from below(child, inner)

    root = collection.root
    yield root.name, root.key[:1] if collection.buckets else (), root
    yield from below(root, root.name)


# The digits of the indexes 0 .. n - 1: one each, one more from 10 on, one more from 100 on, ...
_DIGITS = " + ".join(["count(*)", *(f"greatest(count(*) - {10**power}, 0)" for power in range(1, 10))])


def longest_arrays(
    queries: Queries, collection: Collection, *, top: int, keys: Sequence[Key] = ()
) -> list[ArraySize]:
    """The arrays with the most rows, over all levels; counts the key of each embedded mart."""
    found = []
    for path, parent, level in _arrays(collection):
        if not path:
            continue
        chosen = [f"{quote(collection.key_column)} in ({', '.join(map(literal, keys))})"] if keys else []
        group = ", ".join(map(quote, parent))
        rows = queries.rows(
            f"select count(*), {group} from {relation(level)}"  # noqa: S608
            f"{where_clause([*placed(level, collection), *chosen])} "
            f"group by {group} order by 1 desc, {group} limit {top}"
        )
        found += [ArraySize(path, tuple(zip(parent, key, strict=True)), count) for count, *key in rows]
    return sorted(found, key=lambda each: -each.items)[:top]


def _fixed(level: Level) -> int:
    """The bytes of a row beside its fields: its ends, its place in an array, its arrays' names and ends."""
    arrays = sum(_ARRAY + len(child.name.encode()) for child in level.children)
    return _DOCUMENT + arrays + (_ELEMENT if level.name else 0)


def _overhead(collection: Collection) -> int:
    """The bytes of a bucket beside its items: its ends, its array and its `_id`, taken as the longest."""
    if collection.buckets is None:
        return 0
    parent, array = collection.buckets.parent, collection.root
    key = _head(parent) + domain(parent.type).width + _longest(parent)
    identifier = 5 + _DOCUMENT + key + 2 + len(BUCKET_FIELD) + 4
    return _DOCUMENT + identifier + _ARRAY + len(array.name.encode())


def _head(field: Field) -> int:
    return 2 + len(field.name.encode())


def _row(level: Level) -> str:
    """A row's bytes as SQL."""
    constant, terms = _fixed(level), []
    for field in level.fields:
        width, column = _head(field) + domain(field.type).width, coerce.value(field)
        length = _length(field, column)
        if not length and not field.nullable:
            constant += width
        else:  # a NULL against the contract is MongoDB's to refuse
            null = _head(field) if field.keep_null else 0
            terms.append(f"if({column} is null, {null}, {width}{length and ' + '}{length})")
    return " + ".join([str(constant), *terms])


def _length(field: Field, column: str) -> str:
    """The bytes of a value's characters as SQL; empty for a type of fixed width."""
    match field.type:
        case BsonType.STRING:
            return f"octet_length(convert({column} using utf8mb4))"
        case BsonType.JSON:
            return f"{JSON_FACTOR} * octet_length(convert({column} using utf8mb4))"
        case BsonType.BINARY:
            return f"octet_length({column})"
        case BsonType.BOOL | BsonType.INT32 | BsonType.INT64 | BsonType.DATE:
            return ""
        case BsonType.DOUBLE | BsonType.DECIMAL:
            return ""
        case _:
            assert_never(field.type)


def _widest(level: Level) -> int:
    """The most bytes a row can take, by its contract."""
    fields = sum(_head(field) + domain(field.type).width + _longest(field) for field in level.fields)
    return _fixed(level) + fields + (10 if level.name else 0)


def _longest(field: Field) -> int:
    """The most bytes of a variable-width value, by its contract."""
    if not _length(field, field.column):
        return 0
    kind, _, size = field.data_type.partition("(")
    length = _LONGEST.get(kind.strip(), _UNBOUNDED)
    if size and kind.strip() in ("char", "varchar", "binary", "varbinary"):
        length = int(size.split(")")[0]) * 4
    return length * JSON_FACTOR if field.type is BsonType.JSON else length
