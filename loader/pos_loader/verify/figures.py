"""Reconciliation: the marts' SQL aggregates against MongoDB's aggregation pipelines, figure by figure.

This module uses nothing of extract, nest and encode. So it finds a fault that puts the same wrong bytes on
both sides of the byte comparison. One select and one pipeline take all figures of a level:

- how many items there are, and how many have each text, each date and each optional field;
- exact sums of numbers; sums of dates, with the earliest and the latest; lengths of texts and binaries;
- over all parents, the sum of the key times the number of items: it changes if an item is in a wrong parent.

Some faults change none of these figures, and the byte comparison finds them: another order of items, another
text of the same length, two changes of one field that cancel out, another value inside JSON, a required 0
that is left out (required numbers are not counted).

A full refresh is reconciled before it is published. Only `verify` reconciles a sync, afterwards: a load would
have to take the figures inside the transaction, which is too short for a pass over a whole collection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any, assert_never

from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from pymongo.errors import OperationFailure

from pos_loader.collection import BsonType, Collection, Field, Figure, Level
from pos_loader.declaration import coerce
from pos_loader.declaration.bson_types import precision_and_scale
from pos_loader.servers.mariadb import connect, quote
from pos_loader.servers.mongo import Handle, is_transient, retrying, translated, working
from pos_loader.servers.profile import MariaDB
from pos_loader.verify.kept_rows import Branch, rows_of

Value = int | float | Decimal | datetime | DatetimeMS | str | None
Expression = dict[str, Any] | str | int

_EPOCH = datetime(1970, 1, 1)
_DIGITS = 100
"""Enough for any sum, because MariaDB's decimals have at most 65 digits."""
_NARROW = 19
"""Decimal128 has 34 digits, 15 more than these: sums of up to 10^15 values of 19 digits are exact."""
_HALF = 17
"""Wider decimals are summed as two halves; the lower one has 17 digits."""
_UNSUMMED = (BsonType.STRING, BsonType.BINARY, BsonType.DATE)
"""Types whose required fields are counted. A missing number shows in the sum (unless it is 0), and counting
numbers too would take a fifth more time."""
_LAZY: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


@dataclass(frozen=True)
class _Measure:
    """One figure of a level, written in SQL and as terms of a pipeline whose results are added up.

    `divisor` converts MariaDB's value to MongoDB's unit. `wide` replaces the term where the sum exceeds
    int64. `bound` is SQL for n times the sum of magnitudes, which bounds the rounding of a sum of n doubles.
    `needs` is a condition on the fields' BSON types; where it does not hold, a pipeline cannot take the
    figure.
    """

    field: str
    name: str
    sql: str
    terms: tuple[Expression, ...]
    accumulator: str = "$sum"
    divisor: int = 1
    wide: Expression | None = None
    bound: str = "0"
    needs: Expression | None = None


def reconcile(
    server: MariaDB, handle: Handle, collection: Collection, *, workers: int = 1
) -> tuple[Figure, ...]:
    """Take all figures of the marts of `collection` and of `handle`'s documents, `workers` levels at once.

    A difference raises nothing; `Figure.equal` tells it. Raises `ConnectionFailed`, and `TableReplaced` where
    dbt rebuilt a mart meanwhile.
    """

    def figures(branch: Branch) -> list[Figure]:
        return _figures(server, handle, collection, branch)

    branches = list(_branches(collection.document, ()))
    with ThreadPoolExecutor(workers, thread_name_prefix="reconcile") as pool:
        # The deepest level has the most rows. It starts first, so that it does not run alone at the end.
        levels = list(pool.map(figures, reversed(branches)))
    return tuple(figure for level in reversed(levels) for figure in level)


def _branches(level: Level, above: Branch) -> Iterator[Branch]:
    """Yield the branch of every level, the root's first."""
    yield (*above, level)
    for child in level.children:
        yield from _branches(child, (*above, level))


def _figures(server: MariaDB, handle: Handle, collection: Collection, branch: Branch) -> list[Figure]:
    with connect(server) as queries:

        def relation(at: Branch) -> str:
            return rows_of(queries, collection, at)

        measures = list(_measures(collection, branch, relation))
        columns = [measure.sql for measure in measures] + [measure.bound for measure in measures]
        (row,) = queries.rows(f"select {', '.join(columns)} from {relation(branch)}")  # noqa: S608
    expected = [_in_unit(measure, value) for measure, value in zip(measures, row, strict=False)]
    tolerances = [float(bound or 0) * 2**-52 for bound in row[len(measures) :]]
    found = _in_mongodb(handle, branch, measures, expected)
    path = ".".join(level.name for level in branch[1:])
    return [
        Figure(path, measure.field, measure.name, _text(mine), _text(theirs), _equal(mine, theirs, tolerance))
        for measure, mine, theirs, tolerance in zip(measures, expected, found, tolerances, strict=True)
    ]


def _measures(
    collection: Collection, branch: Branch, relation: Callable[[Branch], str]
) -> Iterator[_Measure]:
    level = branch[-1]
    yield _Measure("", "items" if level.name else "documents", "count(*)", (1,))
    for field in level.fields:
        yield from _of_field(field)
    for child in level.children:
        for key in _keys(collection, level):
            yield _over_items(key, child, relation((*branch, child)))


def _keys(collection: Collection, level: Level) -> Iterator[Field]:
    """Yield the fields that identify a parent: the numbers and texts of its own key."""
    if collection.buckets and not level.name:
        parent = collection.buckets.parent
        yield Field(parent.column, f"_id.{parent.name}", parent.type, parent.data_type, nullable=False)
    for field in level.fields:
        if field.column in level.key and field.type in (BsonType.INT32, BsonType.INT64, BsonType.STRING):
            yield field


def _over_items(key: Field, child: Level, relation: str) -> _Measure:
    """Sum each parent's key over its items. In MariaDB the items have that key, in MongoDB the parent."""
    is_text = key.type is BsonType.STRING
    column = f"char_length({quote(key.column)})" if is_text else quote(key.column)
    weight: Expression = {"$strLenCP" if is_text else "$toDecimal": f"${key.name}"}
    items = {"$size": {"$ifNull": [f"${child.name}", []]}}
    return _Measure(
        key.name,
        f"{'characters' if is_text else 'sum'} over {child.name}",
        f"(select sum({column}) from {relation})",  # noqa: S608
        ({"$multiply": [weight, items]},),
        needs={"$and": [_is(key), {"$isArray": [f"${child.name}"]}]},
    )


def _of_field(field: Field) -> Iterator[_Measure]:
    column, path, needs = coerce.value(field), f"${field.name}", _is(field)
    if field.type is not BsonType.JSON and (field.nullable or field.type in _UNSUMMED):
        yield _Measure(field.name, "values", f"count({column})", ({"$cond": [needs, 1, 0]},))
    match field.type:
        case BsonType.STRING:
            length = {"$strLenCP": {"$ifNull": [path, ""]}}
            yield _Measure(field.name, "characters", f"sum(char_length({column}))", (length,), needs=needs)
        case BsonType.BINARY:
            size = {"$binarySize": path}
            yield _Measure(field.name, "bytes", f"sum(length({column}))", (size,), needs=needs)
        case BsonType.BOOL:
            yield _Measure(field.name, "true", f"sum({column})", ({"$cond": [path, 1, 0]},))
        case BsonType.DATE:
            micros = coerce.microseconds(field)
            millis = {"$subtract": [path, _EPOCH]}
            yield _Measure(
                field.name,
                "sum of milliseconds",
                f"sum({micros})",
                (millis,),
                wide={"$toDecimal": millis},
                divisor=1000,
                needs=needs,
            )
            yield _Measure(field.name, "earliest", f"min({micros})", (path,), "$min")
            yield _Measure(field.name, "latest", f"max({micros})", (path,), "$max")
        case BsonType.DOUBLE:
            bound = f"count({column}) * sum(abs({column}))"
            yield _Measure(field.name, "sum", f"sum({column})", (path,), bound=bound)
        case BsonType.DECIMAL:
            yield _Measure(field.name, "sum", f"sum({column})", _halves(field, path), needs=needs)
        case BsonType.INT32 | BsonType.INT64:
            wide = {"$toDecimal": path}
            yield _Measure(field.name, "sum", f"sum({column})", (path,), wide=wide, needs=needs)
        case BsonType.JSON:  # becomes any BSON type; the text `null` becomes BSON null
            present = {"$cond": [{"$gt": [path, None]}, 1, 0]}
            yield _Measure(field.name, "values", f"sum(json_type({column}) <> 'NULL')", (present,))
        case _:
            assert_never(field.type)


def _is(field: Field) -> Expression:
    return {"$eq": [{"$type": f"${field.name}"}, field.type.value]}


def _halves(field: Field, path: str) -> tuple[Expression, ...]:
    """Split wide decimals into two halves whose sums stay far below 34 digits, where MongoDB rounds."""
    precision, scale = precision_and_scale(field.data_type)
    if precision <= _NARROW:
        return (path,)
    lower = {"$mod": [path, Decimal128(Decimal(1).scaleb(_HALF - scale))]}
    return lower, {"$subtract": [path, lower]}


def _in_unit(measure: _Measure, found: Any) -> Value:
    """Convert MariaDB's value to MongoDB's unit. NULL, the sum of nothing, becomes 0 as in MongoDB."""
    if measure.accumulator != "$sum":
        return None if found is None else _moment(int(found))
    value: Value = (found or 0) if measure.divisor == 1 else Decimal(found or 0) / measure.divisor
    return value


def _moment(microseconds: int) -> datetime | DatetimeMS:
    """Give a moment as MongoDB's driver does: as `DatetimeMS` where it is before Python's year 1."""
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return DatetimeMS(microseconds // 1000)


def _in_mongodb(
    handle: Handle, branch: Branch, measures: Sequence[_Measure], expected: Sequence[Value]
) -> list[Value]:
    """Run a level's pipeline. Where a value of a foreign type stops it, run it again without such values."""
    with translated(handle.database.client, f"reconcile {handle.full_name}", is_work=True):
        try:
            return _aggregated(handle, branch, measures, expected, guarded=False)
        except OperationFailure as error:
            if is_transient(error):
                raise
            return _aggregated(handle, branch, measures, expected, guarded=True)


def _aggregated(
    handle: Handle, branch: Branch, measures: Sequence[_Measure], expected: Sequence[Value], *, guarded: bool
) -> list[Value]:
    group: dict[str, Any] = {"_id": None}
    for index, (measure, value) in enumerate(zip(measures, expected, strict=True)):
        for part, term in enumerate(_terms(measure, value)):
            chosen = {"$cond": [measure.needs, term, None]} if guarded and measure.needs else term
            group[f"{index}_{part}"] = {measure.accumulator: chosen}
    pipeline = [*_unwound(branch, guarded=guarded), {"$group": group}]
    lazy = handle.with_options(codec_options=_LAZY)
    for attempt in retrying():
        with attempt:
            rows = working(handle, f"reconcile {handle.full_name}", lambda: list(lazy.aggregate(pipeline)))
    row = rows[0] if rows else {}
    return [
        _added([row.get(f"{index}_{part}") for part, _ in enumerate(_terms(measure, value))], measure)
        for index, (measure, value) in enumerate(zip(measures, expected, strict=True))
    ]


def _terms(measure: _Measure, expected: Value) -> tuple[Expression, ...]:
    """Choose how MongoDB adds up: its integers are exact within int64, beyond that decimals are needed."""
    if measure.wide is not None and abs(Decimal(str(expected))) >= 2**63:
        return (measure.wide,)
    return measure.terms


def _unwound(branch: Branch, *, guarded: bool) -> Iterator[dict[str, Any]]:
    """Make each item of the level a document, because short paths to fields take a third of the time."""
    path = "$" + ".".join(level.name for level in branch[1:])
    for depth in range(1, len(branch)):
        yield {"$unwind": "$" + ".".join(level.name for level in branch[1 : depth + 1])}
    if branch[1:]:
        item = {"$cond": [{"$eq": [{"$type": path}, "object"]}, path, {}]} if guarded else path
        yield {"$replaceRoot": {"newRoot": item}}


def _added(parts: Sequence[Any], measure: _Measure) -> Value:
    values = [part.to_decimal() if isinstance(part, Decimal128) else part for part in parts]
    if measure.accumulator != "$sum":
        only: Value = values[0]
        return only
    with localcontext(prec=_DIGITS):
        total: Value = sum(value or 0 for value in values)
    return total


def _equal(mine: Value, theirs: Value, tolerance: float) -> bool:
    if tolerance and isinstance(mine, int | float) and isinstance(theirs, int | float):
        return math.isclose(mine, theirs, rel_tol=0, abs_tol=tolerance)
    is_moment = isinstance(mine, datetime | DatetimeMS)
    return type(theirs) is type(mine) and theirs == mine if is_moment else theirs == mine


def _text(value: Value) -> str:
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime):
        return value.isoformat(" ", timespec="milliseconds")
    if isinstance(value, DatetimeMS):
        return f"{int(value)} ms since 1970"
    return "nothing" if value is None else str(value)
