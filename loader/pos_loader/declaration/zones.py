"""The zones of a collection: which values of the shard key's first field the shards of a zone hold.

`zones: {west: [CA, OR], old: [{to: 2020-01-01}]}` names values, and ranges from `from` up to, but not
including, `to`. MongoDB knows ranges only, so a value becomes the range up to the next possible value:

>>> string = Field("state", "state", BsonType.STRING, "varchar(2)", nullable=True)
>>> declared = {"west": ["CA"], "rest": [RangeDeclaration(**{"from": "NY"})]}
>>> [(each.zone, each.lo, each.hi) for each in ranges(declared, string)]
[('west', 'CA', 'CA\\x00'), ('rest', 'NY', MaxKey())]

Source: https://www.mongodb.com/docs/manual/core/zone-sharding/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey

from pos_loader.collection import BsonType, Field, Level, OnOverflow, ZoneRange
from pos_loader.declaration.grammar import CollectionDeclaration, RangeDeclaration

SMALLEST_INTEGER = -(2**63)
_DISCRETE = (BsonType.STRING, BsonType.INT32, BsonType.INT64, BsonType.DATE)
"""The types whose values have a next value."""


def resolve(declared: CollectionDeclaration, root: Level) -> tuple[ZoneRange, ...] | None:
    """Return the ranges of all zones in order of their values; None where no zones are declared.

    Raises `ValueError` where the shard key cannot have zones, for a value that is not of the type of its
    first field, for a range without values, and for ranges that overlap.
    """
    if declared.zones is None:
        return None
    first, kind = next(iter(declared.shard_key.items())) if declared.shard_key != "none" else ("", "")
    if kind != 1:
        raise ValueError("zones need a shard key whose first field is ranged")
    buckets = [level.name for level in root.children if level.on_overflow is OnOverflow.OVERFLOW]
    if buckets and declared.zones:
        raise ValueError(
            f"zones cannot hold the buckets of {buckets[0]}, which have none of the documents' fields"
        )
    field = next((each for each in root.fields if each.name == first), None)
    return ranges(declared.zones, field) if field else ()


def ranges(zones: Mapping[str, Sequence[Any]], field: Field) -> tuple[ZoneRange, ...]:
    """Return the ranges of values of one field, in order; raises as `resolve` does."""
    found = [_range(zone, value, field) for zone, values in zones.items() for value in values]
    found.sort(key=lambda each: order(each.lo))
    for one, following in pairwise(found):
        if order(following.lo) < order(one.hi):
            raise ValueError(f"zones {one.zone} and {following.zone} both have {_shown(following.lo)}")
    return tuple(found)


def holder(ranges: Sequence[ZoneRange], value: object) -> str:
    """Name the zone that holds a value of the first field; empty if no zone does.

    >>> holder([ZoneRange("west", "CA", "CB")], "CA"), holder([ZoneRange("west", "CA", "CB")], "CB")
    ('west', '')
    """
    return next((each.zone for each in ranges if order(each.lo) <= order(value) < order(each.hi)), "")


def order(value: object) -> tuple[int, Any]:
    """Return what sorts values of one type as MongoDB does; NULL comes before all others."""
    match value:
        case MinKey():
            return 0, 0
        case None:
            return 1, 0
        case MaxKey():
            return 3, 0
        case Decimal128():
            return 2, value.to_decimal()
        case datetime():
            return 2, int(DatetimeMS(value))
        case DatetimeMS():
            return 2, int(value)
        case _:
            return 2, value


def _range(zone: str, declared: Any, field: Field) -> ZoneRange:
    if isinstance(declared, RangeDeclaration):
        given = declared.model_fields_set
        lo = _value(declared.from_, field) if "from_" in given else MinKey()
        hi = _value(declared.to, field) if "to" in given else MaxKey()
        if order(lo) >= order(hi):
            raise ValueError(f"zone {zone}: no value is from {_shown(lo)} up to {_shown(hi)}")
        return ZoneRange(zone, lo, hi)
    if field.type not in _DISCRETE:
        raise ValueError(f"zone {zone}: {declared!r} of a {field.type.value} is no range; use from and to")
    lo = _value(declared, field)
    return ZoneRange(zone, lo, _next(lo, field))


def _next(value: Any, field: Field) -> object:
    match value:
        case None if field.type is BsonType.STRING:
            return ""
        case None if field.type is BsonType.DATE:
            return DatetimeMS(SMALLEST_INTEGER)
        case None:
            return Int64(SMALLEST_INTEGER)
        case str():
            return f"{value}\0"
        case DatetimeMS():
            return DatetimeMS(int(value) + 1)
        case _:
            return value + 1


def _value(declared: Any, field: Field) -> Any:
    """Convert a declared value to that of the documents."""
    wrong = ValueError(f"zone value {declared!r} is no {field.type.value}, as {field.name} is")
    match field.type, declared:
        case _, None:
            return None
        case BsonType.STRING, str():
            return declared
        case BsonType.STRING, bool():
            raise ValueError(f"zone value {declared!r} is no string: put it in quotes")
        case ((BsonType.INT32 | BsonType.INT64), int()) if not isinstance(declared, bool):
            return declared
        case BsonType.DOUBLE, int() | float() if not isinstance(declared, bool):
            return float(declared)
        case BsonType.DECIMAL, int() | float() | str() if not isinstance(declared, bool):
            try:
                return Decimal128(Decimal(str(declared)))
            except InvalidOperation:
                raise wrong from None
        case BsonType.DATE, str():
            try:
                moment = datetime.fromisoformat(declared)
            except ValueError:
                raise wrong from None
            return DatetimeMS(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    raise wrong


def _shown(value: object) -> str:
    match value:
        case MinKey():
            return "the smallest value"
        case MaxKey():
            return "the largest value"
        case DatetimeMS():
            return str(value.as_datetime().date()) if value > DatetimeMS(SMALLEST_INTEGER) else "no date"
        case _:
            return repr(value)
