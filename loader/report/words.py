"""Numbers and dates as a reader wants them, and exactly: Decimal to the last digit, never a float.

What goes on the page is a `<data>` element whose `value` is the mart's own figure; what a chart says on
hovering is plain text. Missing values are an en dash.
"""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime
from decimal import Decimal

from markupsafe import Markup, escape

Figure = Decimal | int | None
NONE = "\N{EN DASH}"
SPACE = "\N{NO-BREAK SPACE}"
_DATA = Markup('<data value="{}">{}</data>')
_NOT_DRAWABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_CHANGE = Markup('<span class="{}"><span aria-hidden="true">{}</span> {}</span>')


def money_text(value: Decimal | None) -> str:
    """Spell an amount to the cent."""
    return NONE if value is None else _signed(f"{value:,.2f}")


def short_text(value: Decimal) -> str:
    """Spell an amount in little space, with three digits: 4.66M."""
    size = abs(value)
    for unit, name in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if size >= unit:
            scaled = value / unit
            places = max(0, 2 - len(f"{abs(scaled):.0f}") + 1)
            return _signed(f"{scaled:,.{places}f}{name}")
    return _signed(f"{value:,.0f}")


def count_text(value: Figure) -> str:
    """Spell a whole number."""
    return NONE if value is None else _signed(f"{value:,.0f}")


def number_text(value: Decimal | None, places: int = 1) -> str:
    """Spell a number with so many decimals."""
    return NONE if value is None else _signed(f"{value:,.{places}f}")


def percent_text(share: Decimal | None, places: int = 1) -> str:
    """Spell a share (1 is all) in percent."""
    return NONE if share is None else _signed(f"{share * 100:,.{places}f}{SPACE}%")


def money(value: Decimal | None) -> Markup:
    """An amount; its `value` has every decimal that the mart has."""
    return _data(value, money_text(value))


def count(value: Figure) -> Markup:
    """A whole number."""
    return _data(value, count_text(value))


def key(value: int | None) -> Markup:
    """A key, without thousands."""
    return _data(value, NONE if value is None else str(value))


def number(value: Decimal | None, places: int = 1) -> Markup:
    """A number with so many decimals."""
    return _data(value, number_text(value, places))


def percent(share: Decimal | None, places: int = 1) -> Markup:
    """A share; its `value` is the share itself."""
    return _data(share, percent_text(share, places))


def change(share: Decimal | None) -> Markup:
    """A relative change with its sign and an arrow, so that colour is not needed to read it."""
    if share is None:
        return Markup('<span class="flat">no comparison</span>')
    rounded = round(share * 100, 1)
    if not rounded:
        return _CHANGE.format("flat", "■", _data(share, f"0.0{SPACE}%"))
    kind, arrow, sign = ("up", "▲", "+") if rounded > 0 else ("down", "▼", "")
    return _CHANGE.format(kind, arrow, _data(share, sign + percent_text(share)))


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
    """Divide; None without a whole."""
    return None if part is None or not whole else Decimal(part) / Decimal(whole)


def relative_change(value: Figure, before: Figure) -> Decimal | None:
    """Change over a value before; None where that was not positive, as in the marts."""
    return None if value is None or before is None or before <= 0 else Decimal(value) / Decimal(before) - 1


def plural(number_of: int, one: str, many: str = "") -> Markup:
    """A count with its noun."""
    return Markup("{} {}").format(count(number_of), one if number_of == 1 else many or f"{one}s")


def product_name(product_id: int, name: str | None, *, is_known: bool = True) -> str:
    """A product's name, or its key where it has none or only order lines know it."""
    return name or f"{'' if is_known else 'unknown '}product {product_id}"


def drawable(text: str) -> str:
    """Replace what a drawing's XML cannot hold: control characters, halves of surrogate pairs.

    Source: https://www.w3.org/TR/xml/#charsets
    """
    return _NOT_DRAWABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _data(value: Figure, text: str) -> Markup:
    if value is None:
        return escape(text)
    return _DATA.format(f"{value:f}" if isinstance(value, Decimal) else value, text)


def _signed(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
