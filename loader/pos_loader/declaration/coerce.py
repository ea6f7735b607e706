"""Declared coercions of dates that BSON cannot hold, as SQL. Reads, sizes and sums use the same expressions.

`milliseconds` cuts microseconds off. `missing` turns a date with a zero month or a zero day, such as
`0000-00-00`, into NULL. Only columns that a declaration names are changed. Every changed value is counted.
"""

from __future__ import annotations

from collections.abc import Mapping

from pos_loader.collection import Coercion, Field
from pos_loader.servers.mariadb import quote

COUNTED = "~missing "
"""Before a column's name: 1 where its date is taken for missing. No column has such a name."""
_YEAR_ZERO_DAY = 86_400_000_000


def is_zero(column: str) -> str:
    """Write the SQL condition that a date, given as SQL, has a zero month or a zero day.

    >>> is_zero("`paid_on`")
    '(month(`paid_on`) = 0 or dayofmonth(`paid_on`) = 0)'
    """
    return f"(month({column}) = 0 or dayofmonth({column}) = 0)"


def value(field: Field) -> str:
    """Write a column as SQL; where `missing` is declared, its zero dates are NULL."""
    column = quote(field.column)
    return f"if({is_zero(column)}, null, {column})" if Coercion.MISSING in field.coerce else column


def microseconds(field: Field) -> str:
    """Write a date as SQL microseconds since 1970; where `milliseconds` is declared, as whole milliseconds.

    BSON's year 0 has a 29 February and MariaDB's has none, so earlier days differ by one. This corrects it.
    """
    column = value(field)
    early = f"if({column} < '0000-03-01', {_YEAR_ZERO_DAY}, 0)"
    micros = f"(timestampdiff(microsecond, '1970-01-01', {column}) - {early})"
    return f"(floor({micros} / 1000) * 1000)" if Coercion.MILLISECONDS in field.coerce else micros


def spelled(coerced: Mapping[str, int]) -> list[str]:
    """Say which values were changed: one line for each column and coercion.

    >>> spelled({"orders.placed_at: milliseconds": 1200})
    ['orders.placed_at: milliseconds, 1,200 values']
    """
    return [f"{what}, {count:,} values" for what, count in sorted(coerced.items()) if count]
