"""The kinds of value a POS column holds: SQL type, and what is wrong with a text that is none."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_MONEY = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,4}0*)?")
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?")
_FIRST_YEAR = 1000  # the oldest MariaDB promises to keep
_BIGINT = range(-(2**63), 2**63)
_BIGINT_DIGITS = 19


@dataclass(frozen=True)
class Kind:
    """`fault` takes a text that is not empty and returns what is wrong with it, None when it fits.

    `all_fit` is a cheap test of many values at once: True when none of them is empty or at fault.
    """

    sql: str
    fault: Callable[[str], str | None]
    all_fit: Callable[[Sequence[str]], bool] = lambda _: False


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
        year = date.fromisoformat(value).year
    except ValueError:
        return "is not a day of the calendar"
    return None if year >= _FIRST_YEAR else f"is before the year {_FIRST_YEAR}"


def _moment_fault(value: str) -> str | None:
    if not _MOMENT.fullmatch(value):
        return "is not a date or time such as 2024-01-31 or 2024-01-31 23:59:59.123456 (no zone)"
    try:
        year = datetime.fromisoformat(value).year
    except ValueError:
        return "is not a time of the calendar"
    return None if year >= _FIRST_YEAR else f"is before the year {_FIRST_YEAR}"


def text(characters: int) -> Kind:
    """Return the kind of texts of at most that many characters, of any script."""

    def fault(value: str) -> str | None:
        return None if len(value) <= characters else f"has {len(value)} characters, {characters} fit"

    return Kind(f"varchar({characters})", fault)


INTEGER = Kind("bigint", _integer_fault, _all_short_digits)
MONEY = Kind("decimal(19,4)", _money_fault)
DATE = Kind("date", _date_fault)
MOMENT = Kind("datetime(6)", _moment_fault)
