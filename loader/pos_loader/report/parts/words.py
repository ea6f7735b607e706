"""Numbers and dates as a reader wants them, and exact: amounts are Decimals, never floats.

The page has `<data>` elements whose `value` is the figure of the mart itself. The functions that end in
`_text` return plain text, for charts. A missing value is an en dash.
"""

from __future__ import annotations

import calendar
from datetime import date, datetime
from decimal import Decimal

from markupsafe import Markup, escape

Figure = Decimal | int | None
NONE = "\N{EN DASH}"
SPACE = "\N{NO-BREAK SPACE}"
_DATA = Markup('<data value="{}">{}</data>')
_CHANGE = Markup('<span class="{}"><span aria-hidden="true">{}</span> {}</span>')


def money_text(value: Decimal | None) -> str:
    """Spell an amount to the cent, or with four decimals if it is not zero but would look like it."""
    if value is None:
        return NONE
    return number_text(value, 2 if _rounded(value, 2) or not value else 4)


def price_text(value: Decimal | None) -> str:
    """Spell a price with all its decimals, at least two."""
    if value is None:
        return NONE
    whole, _, cents = f"{value:,f}".partition(".")
    return _signed(f"{whole}.{cents.rstrip('0').ljust(2, '0')}")


def short_text(value: Decimal) -> str:
    """Spell an amount in little space with three digits, 4.66M; below a thousand, to the cent."""
    if abs(value) < 1000:
        return money_text(value)
    for unit, name in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k")):
        for decimals in (2, 1, 0):
            scaled = _rounded(value / unit, decimals)
            if 1 <= abs(scaled) < 10 ** (3 - decimals):
                return _signed(f"{scaled:,.{decimals}f}{name}")
    return count_text(value)


def count_text(value: Figure) -> str:
    """Spell a whole number."""
    return NONE if value is None else _signed(f"{value:,.0f}")


def number_text(value: Decimal | None, decimals: int = 1) -> str:
    """Spell a number with `decimals` decimals; one that is not zero but rounds to zero is "<0.1"."""
    if value is None:
        return NONE
    rounded, least = _rounded(value, decimals), Decimal(1).scaleb(-decimals)
    if value and not rounded:
        return f"<{least:f}" if value > 0 else _signed(f">-{least:f}")
    return _signed(f"{rounded:,.{decimals}f}")


def percent_text(share: Decimal | None, decimals: int = 1) -> str:
    """Spell a share (1 is all) in percent; it is 0 % only if exactly 0, and 100 % only if exactly 1."""
    if share is None:
        return NONE
    text = number_text(share * 100, decimals)
    if share < 1 and _rounded(share * 100, decimals) == 100:
        text = f">{100 - Decimal(1).scaleb(-decimals):f}"
    return f"{text}{SPACE}%"


def money(value: Decimal | None) -> Markup:
    """Show an amount; its `value` has every decimal of the mart."""
    return _data(value, money_text(value))


def price(value: Decimal | None) -> Markup:
    """Show a price."""
    return _data(value, price_text(value))


def count(value: Figure) -> Markup:
    """Show a whole number."""
    return _data(value, count_text(value))


def key(value: int | None) -> Markup:
    """Show a key, without separators of thousands."""
    return _data(value, NONE if value is None else str(value))


def number(value: Decimal | None, decimals: int = 1) -> Markup:
    """Show a number with `decimals` decimals."""
    return _data(value, number_text(value, decimals))


def percent(share: Decimal | None, decimals: int = 1, *, exact: Decimal | None = None) -> Markup:
    """Show a share; its text is that of `exact` if given, because marts round shares."""
    return _data(share, percent_text(share if exact is None else exact, decimals))


def change(share: Decimal | None) -> Markup:
    """Show a relative change with a sign and an arrow, so that nobody needs its colour."""
    if share is None:
        return Markup('<span class="flat">no comparison</span>')
    if not share:
        return _CHANGE.format("flat", "■", _data(share, percent_text(share)))
    spelled = (percent_text(abs(share), decimals) for decimals in (1, 2, 3, 4))
    text = next((each for each in spelled if each[0] not in "<>"), percent_text(abs(share), 6))
    kind, arrow, sign = ("up", "▲", "+") if share > 0 else ("down", "▼", "\N{MINUS SIGN}")
    return _CHANGE.format(kind, arrow, _data(share, sign + text))


def day(value: date | datetime | None) -> str:
    """Spell a date: 5 May 2024."""
    return NONE if value is None else f"{value.day} {calendar.month_abbr[value.month]} {value.year}"


def month(value: str) -> str:
    """Spell a month of the marts, YYYY-MM: May 2024."""
    return f"{calendar.month_name[int(value[5:7])]} {value[:4]}"


def short_month(value: str) -> str:
    """Spell a month in little space: May 2024."""
    return f"{calendar.month_abbr[int(value[5:7])]} {value[:4]}"


def ratio(part: Figure, whole: Figure) -> Decimal | None:
    """Divide; none if there is no whole."""
    return None if part is None or not whole else Decimal(part) / Decimal(whole)


def share_of(part: Figure, whole: Figure) -> Decimal | None:
    """Return the share of a whole; none if the whole is not positive, as in the marts."""
    return None if whole is None or whole <= 0 else ratio(part, whole)


def relative_change(value: Figure, before: Figure) -> Decimal | None:
    """Return the change since `before`; none if that was not positive, as in the marts."""
    return None if value is None or before is None or before <= 0 else Decimal(value) / Decimal(before) - 1


def plural(number_of: int, one: str, many: str = "") -> Markup:
    """Show a count with its noun."""
    return Markup("{} {}").format(count(number_of), one if abs(number_of) == 1 else many or f"{one}s")


def plural_text(number_of: int, one: str, many: str = "") -> str:
    """Spell a count with its noun."""
    return f"{count_text(number_of)} {one if abs(number_of) == 1 else many or f'{one}s'}"


def _data(value: Figure, text: str) -> Markup:
    if value is None:
        return escape(text)
    return _DATA.format(f"{value:f}" if isinstance(value, Decimal) else value, text)


def _rounded(value: Decimal, decimals: int) -> Decimal:
    """Round half to even; a zero has no sign."""
    return round(value, decimals) + 0


def _signed(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
