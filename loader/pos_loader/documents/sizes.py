"""Finds documents that are too large, before anything is written.

SQL adds up how many bytes every row takes in BSON (https://bsonspec.org/spec.html). The sum is exact for most
collections. It is only an upper bound where there are JSON texts (see `JSON_FACTOR`) or size policies that
take items out. There the largest documents are encoded to get their exact size.
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
from pos_loader.documents.marts import conditions, relation, where_clause
from pos_loader.documents.nest import nest
from pos_loader.errors import DataError
from pos_loader.servers.mariadb import Queries, literal, quote
from pos_loader.servers.mongo import MAX_DOCUMENT_BYTES

JSON_FACTOR = 8
"""The most BSON bytes for each byte of JSON text. The worst is `1,` in an array, whose two bytes become 16: a
type, an index of up to ten digits with its end, and 4 bytes for the number."""
MANY = 100
"""How many of the largest documents are listed. Documents over 16 MiB always are."""
NAMED = 999
"""The longest IN list sent to MariaDB, which turns longer ones into a temporary table.
Source: https://mariadb.com/kb/en/conversion-of-big-in-predicates-into-subqueries/"""
_ARRAY, _ELEMENT, _DOCUMENT = 7, 2, 5
"""The bytes of an array beside its name and its elements, of an array element beside the digits of its index
and its document, and of a document beside its fields."""
_UNBOUNDED = 2**32
_LONGEST = {"tinytext": 255, "tinyblob": 255, "text": 65535, "blob": 65535}
_LONGEST |= {"mediumtext": 2**24, "mediumblob": 2**24}


@dataclass(frozen=True)
class DocumentSize:
    """One document's key (for a bucket, its parent's key) and its BSON bytes, exact or an upper bound."""

    key: Key
    bytes: int
    is_exact: bool


@dataclass(frozen=True)
class ArraySize:
    """One array: its path, its parent's key, and how many rows belong in it."""

    path: str
    key: tuple[tuple[str, Key], ...]
    items: int

    def __str__(self) -> str:
        """Show it as `1,200 items in orders.lines of customer_id 7, order_id 12`."""
        key = ", ".join(f"{name} {value}" for name, value in self.key)
        return f"{self.items:,} items in {self.path} of {key}"


def widths(collection: Collection) -> dict[Level, int]:
    """Say how many bytes a row of each level can take at most in a document, by its contract."""
    return {level: _widest(level) for level in collection.root.walk()}


def allowance(collection: Collection) -> int:
    """Say how many bytes the rows of one key may take in a document that stays within the budget."""
    return collection.document_budget - _overhead(collection)


def check(
    queries: Queries, collection: Collection, *, within: Sequence[tuple[Key, Key]], allowed: int = 0
) -> str:
    """Say how many documents are over the budget, and name the largest. Empty means that none is.

    Only keys in the ranges `within` (first and last key) can be over it: the cut found them by counting rows
    and declared `widths`. Only those of them that may be too large are measured. Raises `DataError`, which
    names the largest document and its largest array, where more than `allowed` documents are over 16 MiB.
    """
    suspects = _suspects(queries, collection, within) if within else []
    if not suspects:
        return ""
    keys = suspects if len(suspects) <= NAMED else ()
    documents, over, is_exact = largest(queries, collection, keys=keys)
    too_large = [document for document in documents if document.bytes > MAX_DOCUMENT_BYTES]
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
    """List the keys that are over the budget if every row is as wide as it may be; at most NAMED + 1."""
    key = quote(collection.key_column)
    ranges = " or ".join(f"{key} between {literal(first)} and {literal(last)}" for first, last in within)
    counts = " union all ".join(
        f"select {key} as k, count(*) * {_widest(level)} as b from {relation(level)}"  # noqa: S608
        f"{where_clause([*conditions(level, collection), f'({ranges})'])} group by {key}"
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
    """Find the `MANY` largest documents, and all documents over 16 MiB.

    Returns them, the number of documents over the budget, and whether that number is exact; otherwise it is
    an upper bound. Reads each mart once, or only the rows of `keys`.
    """
    sizes = " union all ".join(_sizes(collection, keys))
    measured = f"select k, sum(b) + {_overhead(collection)} as b from ({sizes}) as levels group by k"  # noqa: S608
    ranked = (
        "select k, b, row_number() over (order by b desc, k) as position, "  # noqa: S608
        f"sum(b > {collection.document_budget}) over () as over_budget from ({measured}) as documents"
    )
    rows = queries.rows(
        f"select k, b, over_budget from ({ranked}) as ranked "  # noqa: S608
        f"where position <= {MANY} or b > {MAX_DOCUMENT_BYTES} order by position"
    )
    over = int(rows[0][2]) if rows else 0
    documents = [DocumentSize(key, int(size), _is_exact(collection)) for key, size, _ in rows]
    if _is_exact(collection):
        return documents, over, True
    budget = collection.document_budget
    documents = [
        _encoded(queries, collection, document) if position < 5 or document.bytes > budget else document
        for position, document in enumerate(documents)
    ]
    documents.sort(key=lambda document: (not document.is_exact, -document.bytes))
    if over <= len(documents):
        return documents, sum(document.bytes > budget for document in documents), True
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
    """Write one query per level: document keys, and the bytes that the level's rows take in the document."""
    for path, parent, level in _arrays(collection):
        chosen = [f"{quote(collection.key_column)} in ({', '.join(map(literal, keys))})"] if keys else []
        where = where_clause([*conditions(level, collection), *chosen])
        k = quote(collection.key_column)
        if not path:
            yield f"select {k} as k, {_row(level)} as b from {relation(level)}{where}"  # noqa: S608
            continue
        group = ", ".join(map(quote, parent))
        yield (
            f"select k, sum(b) as b from (select {k} as k, sum({_row(level)}) + {_DIGITS} as b "  # noqa: S608
            f"from {relation(level)}{where} group by {group}) as arrays group by k"
        )


def _arrays(collection: Collection) -> Iterator[tuple[str, tuple[str, ...], Level]]:
    """Yield each level with its path and its parent's key. The root of documents has neither."""

    def below(level: Level, path: str) -> Iterator[tuple[str, tuple[str, ...], Level]]:
        for child in level.children:
            inner = f"{path}.{child.name}" if path else child.name
            yield inner, level.key, child
            yield from below(child, inner)

    root = collection.root
    yield root.name, root.key[:1] if collection.buckets else (), root
    yield from below(root, root.name)


# Counts the digits of the indexes 0 .. n - 1: one each, one more from 10 on, one more from 100 on, ...
_DIGITS = " + ".join(["count(*)", *(f"greatest(count(*) - {10**power}, 0)" for power in range(1, 10))])


def longest_arrays(
    queries: Queries, collection: Collection, *, top: int, keys: Sequence[Key] = ()
) -> list[ArraySize]:
    """Find the `top` arrays with the most rows, over all levels, by counting in each embedded mart."""
    found = []
    for path, parent, level in _arrays(collection):
        if not path:
            continue
        chosen = [f"{quote(collection.key_column)} in ({', '.join(map(literal, keys))})"] if keys else []
        group = ", ".join(map(quote, parent))
        rows = queries.rows(
            f"select count(*), {group} from {relation(level)}"  # noqa: S608
            f"{where_clause([*conditions(level, collection), *chosen])} "
            f"group by {group} order by 1 desc, {group} limit {top}"
        )
        found += [ArraySize(path, tuple(zip(parent, key, strict=True)), count) for count, *key in rows]
    return sorted(found, key=lambda array: -array.items)[:top]


def _fixed(level: Level) -> int:
    """Count the bytes of a row beside its fields: those of the document, array element and arrays around."""
    arrays = sum(_ARRAY + len(child.name.encode()) for child in level.children)
    return _DOCUMENT + arrays + (_ELEMENT if level.name else 0)


def _overhead(collection: Collection) -> int:
    """Count the bytes of a bucket beside its items: the document's own, its array's, the longest `_id`."""
    if collection.buckets is None:
        return 0
    parent, array = collection.buckets.parent, collection.root
    key = _head(parent) + domain(parent.type).width + _longest(parent)
    identifier = 5 + _DOCUMENT + key + 2 + len(BUCKET_FIELD) + 4
    return _DOCUMENT + identifier + _ARRAY + len(array.name.encode())


def _head(field: Field) -> int:
    return 2 + len(field.name.encode())


def _row(level: Level) -> str:
    """Write the bytes that a row takes, as SQL."""
    constant, terms = _fixed(level), []
    for field in level.fields:
        width, column = _head(field) + domain(field.type).width, coerce.value(field)
        length = _length(field, column)
        if not length and not field.nullable:
            constant += width
        else:  # MongoDB refuses a NULL that breaks the contract
            null = _head(field) if field.keep_null else 0
            terms.append(f"if({column} is null, {null}, {width}{length and ' + '}{length})")
    return " + ".join([str(constant), *terms])


def _length(field: Field, column: str) -> str:
    """Write the bytes of a value beyond its type's fixed width, as SQL; empty where there are none."""
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
    """Say how many bytes a row can take at most, by its contract."""
    fields = sum(_head(field) + domain(field.type).width + _longest(field) for field in level.fields)
    return _fixed(level) + fields + (10 if level.name else 0)


def _longest(field: Field) -> int:
    """Say how many bytes a variable-width value can have at most, by its contract."""
    if not _length(field, field.column):
        return 0
    kind, _, size = field.data_type.partition("(")
    length = _LONGEST.get(kind.strip(), _UNBOUNDED)
    if size and kind.strip() in ("char", "varchar", "binary", "varbinary"):
        length = int(size.split(")")[0]) * 4
    return length * JSON_FACTOR if field.type is BsonType.JSON else length
