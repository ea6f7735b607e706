"""Declared ways out for dates that BSON cannot hold, as SQL: one spelling for reads, sizes and sums.

`milliseconds` cuts a moment to the millisecond that it began in, toward the past; `missing` takes a date with
a zero month or a zero day, `0000-00-00` too, for NULL. Nothing is changed that no declaration names, and
every value that is changed is counted.
"""

from __future__ import annotations

from collections.abc import Mapping

from pos_loader.collection import Coercion, Field
from pos_loader.servers.mariadb import quote

COUNTED = "~missing "
"""Before a column's name: 1 where its date is taken for missing. No column has such a name."""
_YEAR_ZERO_DAY = 86_400_000_000


def is_zero(column: str) -> str:
    """Write the condition that a date, written as SQL, has no month or no day.

    >>> is_zero("`paid_on`")
    '(month(`paid_on`) = 0 or dayofmonth(`paid_on`) = 0)'
    """
    return f"(month({column}) = 0 or dayofmonth({column}) = 0)"


def value(field: Field) -> str:
    """Write a column as the documents take it: its zero dates are NULL where that is declared."""
    column = quote(field.column)
    return f"if({is_zero(column)}, null, {column})" if Coercion.MISSING in field.coerce else column


def microseconds(field: Field) -> str:
    """Write a date as microseconds since 1970, whole milliseconds where that is declared.

    MariaDB's year 0 has no 29 February, which BSON's has: the days before it are one earlier.
    """
    column = value(field)
    early = f"if({column} < '0000-03-01', {_YEAR_ZERO_DAY}, 0)"
    micros = f"(timestampdiff(microsecond, '1970-01-01', {column}) - {early})"
    return f"(floor({micros} / 1000) * 1000)" if Coercion.MILLISECONDS in field.coerce else micros


def spelled(coerced: Mapping[str, int]) -> list[str]:
    """Say what was changed, one line a column and way.

    >>> spelled({"orders.placed_at: milliseconds": 1200})
    ['orders.placed_at: milliseconds, 1,200 values']
    """
    return [f"{what}, {count:,} values" for what, count in sorted(coerced.items()) if count]
