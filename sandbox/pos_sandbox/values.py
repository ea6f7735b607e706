"""The kinds of values in POS columns: SQL types, which texts are faulty, which ones dbt treats specially.

docs/values.md describes the values of each kind. `dbt build` judges the same values in macros/cleaning, and
tests/shops/values.yml tests that both agree.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

_INTEGER = re.compile(r"[+-]?0{0,40}[0-9]{1,19}")
_MONEY = re.compile(r"[+-]?0{0,40}[0-9]{1,15}(\.[0-9]{1,4}0*)?")
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?")
_MILLISECOND = re.compile(r".*\.[0-9]{1,3}0*")
ORDERS_FROM = "1970-01-02"
BIRTHDATES_FROM = "1900-01-02"
NO_DATES = ("9999-12-31",)
"""Defaults of the vars orders_from, birthdates_from and missing_dates in dbt_project.yml."""
MICROSECONDS = "timestamp_precision: milliseconds"
"""The dbt variable that cuts off microseconds."""
_BIGINT = range(-(2**63), 2**63)
_BIGINT_DIGITS = 19


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    `fault` returns what is wrong with a text that is not empty; none if it fits. `all_fit` is a cheap test of
    many values at once: it returns true only if none is empty or faulty. `remark` returns what is special
    about a text that fits, and what dbt does with it; none if it is not special.
    """

    sql: str
    fault: Callable[[str], str | None]
    all_fit: Callable[[Sequence[str]], bool] = lambda _: False
    remark: Callable[[str], tuple[str, str] | None] = lambda _: None


def _all_short_digits(values: Sequence[str]) -> bool:
    joined = "".join(values)
    lengths = {len(value) for value in values}
    return joined.isascii() and joined.isdigit() and 0 not in lengths and max(lengths) < _BIGINT_DIGITS


def _integer_fault(value: str) -> str | None:
    if not _INTEGER.fullmatch(value):
        return "is not a whole number"
    return None if int(value) in _BIGINT else "does not fit BIGINT"


def _money_fault(value: str) -> str | None:
    if _MONEY.fullmatch(value):
        return None
    if _DECIMAL.fullmatch(value):
        return "does not fit DECIMAL(19,4)"
    return "is not a plain decimal number such as 1023.99"


def _date_fault(value: str) -> str | None:
    if not _DATE.fullmatch(value):
        return "is not a date such as 2024-01-31"
    try:
        date.fromisoformat(value)
    except ValueError:
        return "is not a day of the calendar"
    return None


def _moment_fault(value: str) -> str | None:
    if not _MOMENT.fullmatch(value):
        return "is not a date or time such as 2024-01-31 or 2024-01-31 23:59:59.123 (no zone)"
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return "is not a time of the calendar"
    return None


def _date_remark(
    value: str, first: str = BIRTHDATES_FROM, name: str = "birthdates_from"
) -> tuple[str, str] | None:
    if value < first:
        return f"before {first}", f"counts as missing unless the var {name} is an earlier day"
    if value.startswith(NO_DATES):
        return f"on {value[:10]}", "counts as missing unless the var missing_dates leaves that day out"
    return None


def _moment_remark(value: str) -> tuple[str, str] | None:
    remark = _date_remark(value, ORDERS_FROM, "orders_from")
    if remark or "." not in value or _MILLISECOND.fullmatch(value):
        return remark
    return (
        "with microseconds",
        f"is refused unless --vars '{{{MICROSECONDS}}}' cuts them off, as MongoDB has milliseconds",
    )


def text(characters: int) -> Kind:
    """Return the kind of texts of at most this number of characters, in any script."""

    def fault(value: str) -> str | None:
        return None if len(value) <= characters else f"has {len(value)} characters, {characters} fit"

    return Kind(f"varchar({characters})", fault)


INTEGER = Kind("bigint", _integer_fault, _all_short_digits)
MONEY = Kind("decimal(19,4)", _money_fault)
DATE = Kind("date", _date_fault, remark=_date_remark)
MOMENT = Kind("datetime(6)", _moment_fault, remark=_moment_remark)
