"""Declared zones: which ranges of the shard key's first field they mean."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.max_key import MaxKey
from bson.min_key import MinKey
from hypothesis import given
from hypothesis import strategies as st

from pos_loader.collection import BsonType, Field
from pos_loader.declaration import zones
from pos_loader.declaration.grammar import RangeDeclaration


def field(kind: BsonType) -> Field:
    return Field("place", "place", kind, "any", nullable=True)


def span(**ends: Any) -> RangeDeclaration:
    return RangeDeclaration.model_validate(ends)


@pytest.mark.parametrize(
    ("kind", "declared", "bounds"),
    [
        (BsonType.STRING, "CA", ("CA", "CA\0")),
        (BsonType.STRING, None, (None, "")),
        (BsonType.INT32, 7, (7, 8)),
        (BsonType.INT64, None, (None, -(2**63))),
        (BsonType.DATE, "2024-02-29", (DatetimeMS(1709164800000), DatetimeMS(1709164800001))),
        (BsonType.DATE, span(to="2024-01-01T01:00:00+01:00"), (MinKey(), DatetimeMS(1704067200000))),
        (BsonType.DECIMAL, span(**{"from": "1.50"}), (Decimal128("1.50"), MaxKey())),
        (BsonType.DOUBLE, span(**{"from": 1, "to": 2.5}), (1.0, 2.5)),
        (BsonType.STRING, span(**{"from": None, "to": "M"}), (None, "M")),
    ],
)
def test_a_value_is_the_range_up_to_the_next_possible_one(
    kind: BsonType, declared: Any, bounds: tuple[object, object]
) -> None:
    (found,) = zones.ranges({"west": [declared]}, field(kind))
    assert (found.zone, found.lo, found.hi) == ("west", *bounds)


@pytest.mark.parametrize(
    ("kind", "declared", "error"),
    [
        (BsonType.STRING, {"a": [1]}, "zone value 1 is no string"),
        (BsonType.INT64, {"a": [True]}, "zone value True is no long"),
        (BsonType.INT64, {"a": ["7"]}, "zone value '7' is no long"),
        (BsonType.DATE, {"a": ["yesterday"]}, "zone value 'yesterday' is no date"),
        (BsonType.DECIMAL, {"a": ["1.5"]}, "use from and to"),
        (BsonType.DECIMAL, {"a": [span(to="much")]}, "zone value 'much' is no decimal"),
        (BsonType.STRING, {"a": [span(**{"from": "M", "to": "F"})]}, "no value is from 'M' up to 'F'"),
        (BsonType.STRING, {"a": ["CA"], "b": ["CA"]}, "zones a and b both have 'CA'"),
        (BsonType.STRING, {"a": [span(to="D")], "b": ["CA"]}, "zones a and b both have 'CA'"),
        (BsonType.DATE, {"a": [span(to="2024-01-02")], "b": ["2024-01-01"]}, "both have 2024-01-01"),
    ],
)
def test_wrong_zones_are_named(kind: BsonType, declared: dict[str, list[Any]], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        zones.ranges(declared, field(kind))


@given(st.lists(st.none() | st.text(max_size=3), unique=True, min_size=1), st.text(max_size=3))
def test_each_value_is_held_by_its_zone_and_no_other(values: list[str | None], other: str) -> None:
    declared = {f"zone {number}": [value] for number, value in enumerate(values)}
    found = zones.ranges(declared, field(BsonType.STRING))
    for number, value in enumerate(values):
        assert zones.holder(found, value) == f"zone {number}"
    if other not in values:
        assert zones.holder(found, other) == ""


def test_dates_of_both_kinds_sort_alike() -> None:
    assert zones.order(datetime(2024, 1, 1)) == zones.order(DatetimeMS(1704067200000))
