"""Parameters of queries: their types, what each type allows, and how a value is read from text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

from bson.decimal128 import Decimal128

DECIMAL_DIGITS, DECIMAL_EXPONENT = 34, 6111
"""Limits of a Decimal128. Source: https://www.mongodb.com/docs/manual/reference/bson-types/"""

Value = int | str | Decimal128 | datetime
Kind = Literal["int", "string", "decimal", "date"]

WANTED: Mapping[Kind, str] = {
    "int": "a whole number",
    "decimal": "a number",
    "date": "a day such as 2024-01-31",
    "string": "a text",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter; it needs a value or a default, unless it is optional."""

    name: str
    type: Kind
    description: str
    default: Value | None = None
    optional: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    pattern: str | None = None

    @property
    def option(self) -> str:
        """Spell its option of the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def wanted(self) -> str:
        """Say which values it takes, for messages and the list."""
        if self.choices:
            return f"one of: {', '.join(self.choices)}"
        least = "" if self.minimum is None else f" of {self.minimum} or more"
        return f"{WANTED[self.type]}{least}{f' that matches {self.pattern}' if self.pattern else ''}"

    def read(self, text: str) -> Value:
        """Read a value from text; raise `ValueError` for one that is not allowed."""
        value = _READERS[self.type](text)
        if self.choices and value not in self.choices:
            raise ValueError
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise ValueError
        if self.minimum is not None and Decimal(text) < self.minimum:
            raise ValueError
        return value


def _int(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", text.strip()) or not -(2**63) <= int(text) < 2**63:
        raise ValueError
    return int(text)


def _decimal(text: str) -> Decimal128:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError from None
    if not value.is_finite() or len(value.as_tuple().digits) > DECIMAL_DIGITS:
        raise ValueError
    if abs(value.adjusted()) > DECIMAL_EXPONENT:
        raise ValueError
    return Decimal128(value)


def _date(text: str) -> datetime:
    """Read a day, or a moment in ISO 8601; return it in UTC without a zone, as MongoDB stores it."""
    moment = datetime.fromisoformat(text.strip())
    try:
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except OverflowError:
        raise ValueError from None


_READERS: Mapping[Kind, Callable[[str], Value]] = {
    "int": _int,
    "string": str,
    "decimal": _decimal,
    "date": _date,
}
