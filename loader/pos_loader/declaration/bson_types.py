"""Maps the SQL types of a contract to BSON types that hold their values exactly.

`domain` says what each BSON type holds. The encoder, the sizes and the figures match the types one by one, so
mypy names every place that a new member of `BsonType` needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from pos_loader.collection import BsonType

MAX_DECIMAL_DIGITS = 34
"""Decimal128 has 34 significant digits."""


@dataclass(frozen=True)
class Domain:
    """Which values of MariaDB a BSON type holds.

    `width` is the size of a value in bytes, without its characters. `least` and `most` bound integers.
    `beyond` completes the sentence "<value> ..." for a value that the type does not hold. `way_out` is what
    to declare then; `{column}` stands for the column.
    """

    width: int
    least: int | None = None
    most: int | None = None
    beyond: str = ""
    way_out: str = ""


def domain(kind: BsonType) -> Domain:
    """Return the domain of a BSON type.

    A BSON date holds all years of MariaDB (0 to 9999), but no zero month and no zero day. Doubles of MariaDB
    are never NaN or infinite. A text may contain NUL; a field's name may not.
    """
    match kind:
        case BsonType.BOOL:
            return Domain(1, 0, 1, "is neither 0 nor 1, so no bool", "types: {{{column}: int32}}")
        case BsonType.INT32:
            return Domain(4, -(2**31), 2**31 - 1, "does not fit an int32", "types: {{{column}: int64}}")
        case BsonType.INT64:
            return Domain(8, -(2**63), 2**63 - 1, "does not fit an int64", "types: {{{column}: decimal}}")
        case BsonType.DOUBLE:
            return Domain(8)
        case BsonType.DECIMAL:
            return Domain(16, beyond=f"has more than {MAX_DECIMAL_DIGITS} digits")
        case BsonType.DATE:
            beyond = "has microseconds, a BSON date has milliseconds"
            return Domain(8, beyond=beyond, way_out="coerce: {{{column}: milliseconds}}")
        case BsonType.STRING | BsonType.BINARY:
            return Domain(5)
        case BsonType.JSON:
            return Domain(16, beyond="has no BSON form", way_out="types: {{{column}: string}}")
        case _:
            assert_never(kind)


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
    BsonType.INT64: {BsonType.INT32, BsonType.BOOL, BsonType.DECIMAL},
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
    """Return the BSON type of a SQL type, whose length is ignored; None if there is none."""
    return _NATURAL.get(re.split(r"[^a-z]", data_type.strip().lower(), maxsplit=1)[0])


_COMPARED = {BsonType.INT32: "integer", BsonType.INT64: "integer", BsonType.BOOL: "integer"}
_COMPARED |= {BsonType.STRING: "text", BsonType.JSON: "text"}
_AS_TEXT = ("enum", "set", "uuid", "inet4", "inet6")


def family(data_type: str, *, in_table: bool = False) -> str:
    """Name the family of a SQL type: integer, text, date, datetime, decimal. Values of one family compare.

    With `in_table`, types that no contract may name have a family too: `enum` is text, `year` an integer.
    Empty for a type without a family.
    """
    word = re.split(r"[^a-z0-9]", data_type.strip().lower(), maxsplit=1)[0]
    if in_table and word in _AS_TEXT:
        return "text"
    if in_table and word in ("year", "timestamp"):
        return "integer" if word == "year" else "datetime"
    natural = natural_type(data_type)
    if natural is BsonType.DATE:
        return word
    return _COMPARED.get(natural, natural.value) if natural else ""


def compares(first: str, second: str) -> bool:
    """Whether keys of two SQL types compare: int and bigint do, int and varchar do not."""
    if family(first) == BsonType.DECIMAL.value == family(second):
        return precision_and_scale(first) == precision_and_scale(second)
    return family(first) == family(second)


def reads_as(in_table: str, declared: str, *, is_key: bool = False) -> bool:
    """Whether a column whose type in MariaDB is `in_table` can be read as the contract's type.

    A key must also sort like the contract's type; an enum does not.
    """
    found, wanted = family(in_table, in_table=not is_key), family(declared)
    if found == BsonType.DECIMAL.value == wanted:
        return precision_and_scale(in_table)[1] <= precision_and_scale(declared)[1]
    return found == wanted or ({found, wanted} == {"date", "datetime"} and not is_key)


def precision_and_scale(data_type: str) -> tuple[int, int]:
    """Read `decimal(19,4)` as (19, 4); MariaDB's defaults are (10, 0)."""
    digits = [int(number) for number in re.findall(r"\d+", data_type)]
    precision, scale = (*digits, *(10, 0)[len(digits) :])
    return precision, scale
