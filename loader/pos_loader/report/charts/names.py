"""Names as the page shows them: whatever a shop calls its things, in whatever script.

A drawing's label is cut here, between two characters as a reader sees them (grapheme clusters): Vega cuts
between UTF-16 units, and fails inside a character beyond U+FFFF.
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
    """Replace what a drawing's XML cannot hold: control characters, halves of surrogate pairs.

    Source: https://www.w3.org/TR/xml/#charsets
    """
    return str(_NOT_DRAWABLE.sub("\N{REPLACEMENT CHARACTER}", text))


def is_visible(name: str | None) -> bool:
    """Whether a reader sees anything of a name."""
    return bool(name) and _VISIBLE.search(name) is not None


def product_name(product_id: int, name: str | None, *, is_known: bool = True) -> str:
    """A product's name, or its key where it has none to see or only order lines know it."""
    if name is not None and is_visible(name):
        return name
    return f"{'' if is_known else 'unknown '}product {product_id}"


def customer_name(customer_id: int, *names: str | None) -> str:
    """A customer's names, or the key where there are none to see."""
    return " ".join(each for each in names if each and is_visible(each)) or f"customer {customer_id}"


def told_apart(names: Sequence[str], keys: Sequence[int]) -> list[str]:
    """The names, with their keys where two of them look alike."""
    looks = [_look(name) for name in names]
    repeated = Counter(looks)
    return [
        f"{name} ({key})" if repeated[look] > 1 else name
        for name, key, look in zip(names, keys, looks, strict=True)
    ]


def isolated(text: str) -> str:
    """Keep the direction of a name from what stands around it, in plain text."""
    return _ISOLATED.format(text)


def in_words(text: str) -> Markup:
    """A name within a sentence, its direction its own; of a very long one the beginning."""
    return Markup("<bdi>{}</bdi>").format(shortened(text, 80))


def label(text: str, width: float, *, font_size: float = 12) -> str:
    """Cut a name to a width in pixels, between two clusters, with an ellipsis; whole if it fits.

    The end stays where it tells names apart: a key in parentheses.
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
    """The beginning of a long text, with an ellipsis."""
    if len(text) <= clusters:
        return text
    return "".join(_CLUSTER.findall(text)[:clusters]) + ELLIPSIS


def _width(text: str) -> float:
    """Estimate the width of a text in ems, rather too much: a ligature counts as what it is made of."""
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
    """What a name looks like, near enough: case, compatible forms and what is not seen do not tell apart."""
    return " ".join(str(regex.sub(r"\p{Default_Ignorable_Code_Point}", "", _fold(name))).split())


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
