"""Names of products and customers as the page shows them, in any script.

Labels of drawings are cut here, between two characters as a reader sees them (grapheme clusters). Vega would
cut between UTF-16 units, and it fails inside a character beyond U+FFFF.
Source: https://www.unicode.org/reports/tr29/ (clusters), https://www.unicode.org/reports/tr11/ (widths).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

import regex
from markupsafe import Markup

_NOT_DRAWABLE = regex.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_VISIBLE = regex.compile(r"[^\p{C}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\N{BRAILLE PATTERN BLANK}]")
_CLUSTER = regex.compile(r"\X")
_ISOLATED = "\N{FIRST STRONG ISOLATE}{}\N{POP DIRECTIONAL ISOLATE}"
_TIGHT, _LOOSE = set("iIljtfr.,:;'|!()[] -"), set("mwMW@%")
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def drawable(text: str) -> str:
    """Replace characters that XML cannot hold: control characters and lone surrogates.

    Source: https://www.w3.org/TR/xml/#charsets
    """
    return str(_NOT_DRAWABLE.sub("\N{REPLACEMENT CHARACTER}", text))


def is_visible(name: str | None) -> bool:
    """Whether a name has any visible character."""
    return bool(name) and _VISIBLE.search(name) is not None


def product_name(product_id: int, name: str | None, *, is_known: bool = True) -> str:
    """Return a product's name; without a visible name, its key."""
    if name is not None and is_visible(name):
        return name
    return f"{'' if is_known else 'unknown '}product {product_id}"


def customer_name(customer_id: int, *names: str | None) -> str:
    """Return a customer's names; without a visible name, the key."""
    return " ".join(each for each in names if each and is_visible(each)) or f"customer {customer_id}"


def told_apart(names: Sequence[str], keys: Sequence[int]) -> list[str]:
    """Return the names; where two of them look alike, with their keys."""
    looks = [_look(name) for name in names]
    repeated = Counter(looks)
    return [
        f"{name} ({key})" if repeated[look] > 1 else name
        for name, key, look in zip(names, keys, looks, strict=True)
    ]


def isolated(text: str) -> str:
    """Keep the writing direction of a name from changing the text around it, in plain text."""
    return _ISOLATED.format(text)


def in_words(text: str) -> Markup:
    """Put a name into a sentence of the page, with its own writing direction; a very long one is cut."""
    return Markup("<bdi>{}</bdi>").format(shortened(text, 80))


def label(text: str, width: float, *, font_size: float = 12) -> str:
    """Cut a name to a width in pixels, between two clusters, with an ellipsis; a name that fits stays whole.

    A key in parentheses at the end stays, because it tells names apart.
    """
    text = drawable(" ".join(text.split()))
    if _width(text) * font_size <= width:
        return text
    name, _, key = text.rpartition(" (") if text.endswith(")") else (text, "", "")
    end = f"{ELLIPSIS} ({key}" if name and key and _width(key) * font_size < width / 2 else ELLIPSIS
    room, kept = width / font_size - _width(end), ""
    for cluster in _CLUSTER.findall(name if end != ELLIPSIS else text):
        room -= _width(cluster)
        if room < 0:
            break
        kept += cluster
    return kept.rstrip() + end


def shortened(text: str, clusters: int) -> str:
    """Cut a long text to this number of clusters, with an ellipsis."""
    if len(text) <= clusters:
        return text
    return "".join(_CLUSTER.findall(text)[:clusters]) + ELLIPSIS


def _width(text: str) -> float:
    """Estimate the width of a text in ems, rather too wide: a ligature counts as its parts."""
    return sum(map(_advance, unicodedata.normalize("NFKC", text)))


def _advance(character: str) -> float:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return 0
    if character in _TIGHT:
        return 0.36
    if character in _LOOSE or unicodedata.east_asian_width(character) in "WF":
        return 1
    if ord(character) > 0xFFFF:
        return 1.3
    return 0.72 if character.isupper() or ord(character) > 0x24F else 0.58


def _look(name: str) -> str:
    """Return how a name looks: case, compatible forms and invisible characters make no difference."""
    return " ".join(str(regex.sub(r"\p{Default_Ignorable_Code_Point}", "", _fold(name))).split())


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
