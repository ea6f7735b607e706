"""The first difference between two BSON documents, as field path, type and value."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion

LONGEST = 120
NOTHING = "nothing"

# Dates beyond Python's years stay numbers instead of failing the comparison.
_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
_TYPES = {1: "double", 2: "string", 3: "object", 4: "array", 5: "binData", 7: "objectId", 8: "bool"}
_TYPES |= {9: "date", 10: "null", 11: "regex", 16: "int", 17: "timestamp", 18: "long", 19: "decimal"}
_TYPES |= {127: "maxKey", 255: "minKey"}

Found = tuple[str, str, str]


def decoded(raw: bytes) -> dict[str, Any]:
    """Decode a document. Dates outside Python's years, of year 0 say, become `DatetimeMS`."""
    return bson.decode(raw, _OPTIONS)


def first_difference(expected: bytes, found: bytes) -> Found:
    """Compare two BSON documents that differ. Returns the field path and both values there, as text.

    A value is shown with its BSON type, arrays of different length with both lengths. The path is empty where
    only the order of the fields differs, or where a field occurs twice.

    >>> first_difference(bson.encode({"_id": 7, "total": 5}), bson.encode({"_id": 7, "total": 5.0}))
    ('total', 'int 5', 'double 5.0')
    """
    pair = decoded(expected), decoded(found)
    return _differ(*pair, "") or ("", f"{len(expected)} bytes", f"{len(found)} bytes, a field occurs twice")


def _differ(expected: Any, found: Any, path: str) -> Found | None:
    if isinstance(expected, dict) and isinstance(found, dict):
        return _fields(expected, found, path)
    if isinstance(expected, list) and isinstance(found, list):
        return _items(expected, found, path)
    if _element(expected) == _element(found):
        return None
    return path, shown(expected), shown(found)


def _fields(expected: dict[str, Any], found: dict[str, Any], path: str) -> Found | None:
    for name, value in expected.items():
        below = f"{path}.{name}" if path else name
        if name not in found:
            return below, shown(value), NOTHING
        difference = _differ(value, found[name], below)
        if difference:
            return difference
    for name, value in found.items():
        if name not in expected:
            return f"{path}.{name}" if path else name, NOTHING, shown(value)
    if list(expected) != list(found):
        return path, _clip(f"fields {', '.join(expected)}"), _clip(f"fields {', '.join(found)}")
    return None


def _items(expected: list[Any], found: list[Any], path: str) -> Found | None:
    for index, (wanted, there) in enumerate(zip_longest(expected, found, fillvalue=_MISSING)):
        if wanted is _MISSING or there is _MISSING or _element(wanted) != _element(there):
            if len(expected) != len(found):
                at = f", the first difference at {index}"
                return path, f"{len(expected)} items", f"{len(found)} items{at}"
            return _differ(wanted, there, f"{path}.{index}")
    return None


_MISSING = object()


def _element(value: Any) -> bytes:
    return bson.encode({"": value})


def shown(value: Any) -> str:
    """Show a value with its BSON type on one line: `long 5`, `string 'Ann'`."""
    kind = _element(value)[4]
    name = _TYPES.get(kind, f"type {kind}")
    return name if value is None else f"{name} {_clip(str(value) if name == 'decimal' else repr(value))}"


def _clip(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
