"""Reconciliation: the marts' SQL aggregates against MongoDB's aggregation pipelines, figure by figure.

Nothing of extract, nest and encode is used here, so a fault that puts the same wrong bytes on both sides of
the byte diff shows. Each level is one select and one pipeline, which give every figure of it: how many items,
how many have each field in its declared type, exact sums of numbers, sums of dates with the earliest and the
latest, lengths of texts and binaries, and each parent's key times its items, which an item in a wrong parent
changes. What leaves all of these alone (the order of items, a text of the same length, two changes of one
field that cancel out, the inside of a JSON value, a required 0 left out) is the byte diff's to find.

A full refresh is reconciled before it is published. A sync is not: its figures could only be taken inside the
transaction, and a pass over the whole collection outlives one; `verify` reconciles it afterwards.
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
from pos_loader.servers.mongo import Handle, is_transient, retrying, translated
from pos_loader.servers.profile import MariaDB
from pos_loader.verify.kept_rows import Place, rows_of

Value = int | float | Decimal | datetime | DatetimeMS | str | None
Expression = dict[str, Any] | str | int

_EPOCH = datetime(1970, 1, 1)
_DIGITS = 100
"""Enough for any sum: MariaDB's have at most 65 digits."""
_NARROW = 19
"""Values of so many digits leave 15 of Decimal128's 34: exact sums of up to 10^15 of them."""
_HALF = 17
_UNSUMMED = (BsonType.STRING, BsonType.BINARY, BsonType.DATE)
"""A number that has to be there shows in its sum, unless it is 0; counting costs a fifth of the time."""
_LAZY: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


@dataclass(frozen=True)
class _Measure:
    """One figure of a level in both languages; the results of all `terms` are added up.

    `divisor` brings MariaDB's value to MongoDB's unit; `wide` replaces the term where int64 does not hold
    the sum; `bound` is SQL for n times the magnitude added up, by which the sum of n doubles may be rounded.
    `needs` is a condition on the fields' BSON types, without which the figure cannot be taken.
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
    """Take all figures of `handle`'s documents and of the marts of `collection`, `workers` levels at once.

    A difference is no error, see `Figure.equal`. Raises `ConnectionFailed`, or `TableReplaced` where dbt
    rebuilt a mart meanwhile.
    """

    def figures(place: Place) -> list[Figure]:
        return _figures(server, handle, collection, place)

    places = list(_places(collection.document, ()))
    with ThreadPoolExecutor(workers, thread_name_prefix="reconcile") as pool:
        # The deepest level has the most rows: begun first, it does not run alone at the end.
        levels = list(pool.map(figures, reversed(places)))
    return tuple(figure for level in reversed(levels) for figure in level)


def _places(level: Level, above: Place) -> Iterator[Place]:
    """Yield every level as the way to it: the root first, the level itself last."""
    yield (*above, level)
    for child in level.children:
        yield from _places(child, (*above, level))


def _figures(server: MariaDB, handle: Handle, collection: Collection, place: Place) -> list[Figure]:
    with connect(server) as queries:

        def relation(at: Place) -> str:
            return rows_of(queries, collection, at)

        measures = list(_measures(collection, place, relation))
        columns = [each.sql for each in measures] + [each.bound for each in measures]
        (row,) = queries.rows(f"select {', '.join(columns)} from {relation(place)}")  # noqa: S608
    expected = [_in_unit(each, value) for each, value in zip(measures, row, strict=False)]
    tolerances = [float(bound or 0) * 2**-52 for bound in row[len(measures) :]]
    found = _in_mongodb(handle, place, measures, expected)
    path = ".".join(level.name for level in place[1:])
    return [
        Figure(path, each.field, each.name, _text(mine), _text(theirs), _equal(mine, theirs, tolerance))
        for each, mine, theirs, tolerance in zip(measures, expected, found, tolerances, strict=True)
    ]


def _measures(collection: Collection, place: Place, relation: Callable[[Place], str]) -> Iterator[_Measure]:
    level = place[-1]
    yield _Measure("", "items" if level.name else "documents", "count(*)", (1,))
    for field in level.fields:
        yield from _of_field(field)
    for child in level.children:
        for key in _keys(collection, level):
            yield _placed(key, child, relation((*place, child)))


def _keys(collection: Collection, level: Level) -> Iterator[Field]:
    """Yield the fields that tell a parent from others: numbers and texts of its own key."""
    if collection.buckets and not level.name:
        parent = collection.buckets.parent
        yield Field(parent.column, f"_id.{parent.name}", parent.type, parent.data_type, nullable=False)
    for field in level.fields:
        if field.column in level.key and field.type in (BsonType.INT32, BsonType.INT64, BsonType.STRING):
            yield field


def _placed(key: Field, child: Level, relation: str) -> _Measure:
    """Weigh each parent's key with its items: in MariaDB the items carry it, in MongoDB the parent."""
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
        case BsonType.JSON:  # of any type; the text `null` becomes BSON null
            present = {"$cond": [{"$gt": [path, None]}, 1, 0]}
            yield _Measure(field.name, "values", f"sum(json_type({column}) <> 'NULL')", (present,))
        case _:
            assert_never(field.type)


def _is(field: Field) -> Expression:
    return {"$eq": [{"$type": f"${field.name}"}, field.type.value]}


def _halves(field: Field, path: str) -> tuple[Expression, ...]:
    """Add wide decimals up as two halves, each far from the 34 digits at which MongoDB rounds."""
    precision, scale = precision_and_scale(field.data_type)
    if precision <= _NARROW:
        return (path,)
    lower = {"$mod": [path, Decimal128(Decimal(1).scaleb(_HALF - scale))]}
    return lower, {"$subtract": [path, lower]}


def _in_unit(measure: _Measure, found: Any) -> Value:
    """MariaDB's value; where it has none, MongoDB's sum is 0."""
    if measure.accumulator != "$sum":
        return None if found is None else _moment(int(found))
    value: Value = (found or 0) if measure.divisor == 1 else Decimal(found or 0) / measure.divisor
    return value


def _moment(microseconds: int) -> datetime | DatetimeMS:
    """A moment as the driver gives it: those before Python's years, of MariaDB's year 0, as a number."""
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return DatetimeMS(microseconds // 1000)


def _in_mongodb(
    handle: Handle, place: Place, measures: Sequence[_Measure], expected: Sequence[Value]
) -> list[Value]:
    """Run a level's pipeline; where a value of a foreign type stops it, again, leaving such values out."""
    with translated(handle.database.client, f"reconcile {handle.full_name}"):
        try:
            return _aggregated(handle, place, measures, expected, guarded=False)
        except OperationFailure as error:
            if is_transient(error):
                raise
            return _aggregated(handle, place, measures, expected, guarded=True)


def _aggregated(
    handle: Handle, place: Place, measures: Sequence[_Measure], expected: Sequence[Value], *, guarded: bool
) -> list[Value]:
    group: dict[str, Any] = {"_id": None}
    for index, (measure, value) in enumerate(zip(measures, expected, strict=True)):
        for part, term in enumerate(_terms(measure, value)):
            chosen = {"$cond": [measure.needs, term, None]} if guarded and measure.needs else term
            group[f"{index}_{part}"] = {measure.accumulator: chosen}
    pipeline = [*_unwound(place, guarded=guarded), {"$group": group}]
    for attempt in retrying():
        with attempt:
            rows = list(handle.with_options(codec_options=_LAZY).aggregate(pipeline))
    row = rows[0] if rows else {}
    return [
        _added([row.get(f"{index}_{part}") for part, _ in enumerate(_terms(measure, value))], measure)
        for index, (measure, value) in enumerate(zip(measures, expected, strict=True))
    ]


def _terms(measure: _Measure, expected: Value) -> tuple[Expression, ...]:
    """MongoDB adds integers exactly as long as int64 holds the sum; beyond, as decimals."""
    if measure.wide is not None and abs(Decimal(str(expected))) >= 2**63:
        return (measure.wide,)
    return measure.terms


def _unwound(place: Place, *, guarded: bool) -> Iterator[dict[str, Any]]:
    """Make each item of the level a document: a short path to a field is a third of the time."""
    path = "$" + ".".join(level.name for level in place[1:])
    for depth in range(1, len(place)):
        yield {"$unwind": "$" + ".".join(level.name for level in place[1 : depth + 1])}
    if place[1:]:
        item = {"$cond": [{"$eq": [{"$type": path}, "object"]}, path, {}]} if guarded else path
        yield {"$replaceRoot": {"newRoot": item}}


def _added(parts: Sequence[Any], measure: _Measure) -> Value:
    values = [part.to_decimal() if isinstance(part, Decimal128) else part for part in parts]
    if measure.accumulator != "$sum":
        only: Value = values[0]
        return only
    with localcontext(prec=_DIGITS):
        total: Value = sum(each or 0 for each in values)
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
