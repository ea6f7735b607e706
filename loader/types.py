"""SQL types of a contract to BSON types: only what can be represented exactly."""

from __future__ import annotations

import re
from collections.abc import Mapping

from loader.collection import BsonType

MAX_DECIMAL_DIGITS = 34
"""Decimal128 has 34 significant digits."""

_INTEGERS = {"tinyint": BsonType.INT32, "smallint": BsonType.INT32, "mediumint": BsonType.INT32}
_INTEGERS |= {"int": BsonType.INT32, "integer": BsonType.INT32, "bigint": BsonType.INT64}
_STRINGS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
_BINARIES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
_NATURAL: Mapping[str, BsonType] = {
    **_INTEGERS,
    **dict.fromkeys(_STRINGS, BsonType.STRING),
    **dict.fromkeys(_BINARIES, BsonType.BINARY),
    **dict.fromkeys(("bool", "boolean"), BsonType.BOOL),
    **dict.fromkeys(("decimal", "numeric"), BsonType.DECIMAL),
    **dict.fromkeys(("float", "double"), BsonType.DOUBLE),
    **dict.fromkeys(("date", "datetime"), BsonType.DATE),
    "json": BsonType.JSON,
}
_DECLARED = {
    "bool": BsonType.BOOL,
    "int32": BsonType.INT32,
    "int64": BsonType.INT64,
    "double": BsonType.DOUBLE,
    "decimal": BsonType.DECIMAL,
    "string": BsonType.STRING,
    "date": BsonType.DATE,
    "json": BsonType.JSON,
    "binary": BsonType.BINARY,
}
_EXACT = {
    BsonType.INT32: {BsonType.BOOL, BsonType.INT64},
    BsonType.INT64: {BsonType.INT32, BsonType.BOOL},
    BsonType.BOOL: {BsonType.INT32, BsonType.INT64},
    BsonType.STRING: {BsonType.JSON},
    BsonType.JSON: {BsonType.STRING},
}
"""Declared types a column can take beside its natural one; values out of range are errors at encoding."""


def bson_type(data_type: str, declared: str | None = None) -> BsonType:
    """Choose the BSON type of a column of SQL type `data_type`, or check the `declared` one.

    Raises `ValueError` where the type has no exact BSON form or cannot take the declared one.
    """
    natural = natural_type(data_type)
    if natural is None:
        hint = ": its value depends on the session's time zone" if "timestamp" in data_type.lower() else ""
        raise ValueError(f"type {data_type or '(none declared)'} has no exact BSON form{hint}")
    if natural is BsonType.DECIMAL and precision_and_scale(data_type)[0] > MAX_DECIMAL_DIGITS:
        raise ValueError(f"type {data_type} has more than {MAX_DECIMAL_DIGITS} digits")
    if declared is None or _DECLARED[declared] is natural:
        return BsonType.INT64 if natural is BsonType.INT32 and "unsigned" in data_type.lower() else natural
    if _DECLARED[declared] not in _EXACT.get(natural, set()):
        raise ValueError(f"type {data_type} cannot be declared {declared}")
    return _DECLARED[declared]


def natural_type(data_type: str) -> BsonType | None:
    """Look up the BSON type of a SQL type without its length; None where there is none."""
    return _NATURAL.get(re.split(r"[^a-z]", data_type.strip().lower(), maxsplit=1)[0])


def precision_and_scale(data_type: str) -> tuple[int, int]:
    """Read `decimal(19,4)` as (19, 4); MariaDB's defaults are (10, 0)."""
    digits = [int(number) for number in re.findall(r"\d+", data_type)]
    precision, scale = (*digits, *(10, 0)[len(digits) :])
    return precision, scale
