"""Names of every script: each chart is drawn, no label is cut inside a character, nobody is confused."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pos_loader.report.charts import compared, draw
from pos_loader.report.charts.names import (
    ELLIPSIS,
    customer_name,
    drawable,
    is_visible,
    label,
    product_name,
    shortened,
    told_apart,
)
from pos_loader.report.charts.specs import Spec
from pos_loader.report.charts.theme import LIGHT, PAGE

FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
ODD = {
    "emoji": "a" + "\N{GRINNING FACE}" * 40,
    "families": FAMILY * 20,
    "flags": "\U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea" * 20,
    "hebrew": "\u05e9\u05dc\u05d5\u05dd " * 20,
    "arabic ligature": "\ufdfd" * 8,
    "combining": ("e" + "\N{COMBINING ACUTE ACCENT}" * 9) * 40,
    "override": "\N{RIGHT-TO-LEFT OVERRIDE}" + "evil " * 20,
    "cuneiform": "\U00012000" * 50,
    "devanagari": "\u0915\u094d\u0937\u093f" * 30,
    "hangul": "\u1100\u1161\u11a8" * 30,
    "script": "</script><script>alert(1)</script>" * 4,
    "quotes": "\"'\\`${x}\u2028\n" * 12,
    "very long": "W" * 512,
}


def text_of(spec: Spec) -> list[str]:
    """What a drawing says, as SVG."""
    root = ElementTree.fromstring(draw.svg(spec))  # noqa: S314
    return ["".join(each.itertext()) for each in root.iter() if each.tag.endswith("text")]


def bars(*names: str, width: int = 415) -> Spec:
    rows = [{"name": name, "value": 1.0, "text": "1", "tip": drawable(name)} for name in names]
    return compared.ranked_bars(rows, LIGHT, width)


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
@pytest.mark.parametrize("width", [340, 415, 860])
def test_a_label_of_any_script_is_drawn_between_two_clusters(name: str, width: int) -> None:
    spec = bars(name, width=width)
    (shown,) = [each for each in text_of(spec) if each != "1"]
    assert shown == label(name, round(0.42 * width))
    assert draw.picture(
        compared.ranked_bars([{"name": name, "value": 1, "text": "", "tip": name}], PAGE, width)
    )
    whole = drawable(" ".join(name.split()))
    if shown != whole:
        kept = shown.removesuffix(ELLIPSIS)
        assert shown.endswith(ELLIPSIS)
        assert regex.findall(r"\X", whole)[: len(regex.findall(r"\X", kept))] == regex.findall(r"\X", kept)


@pytest.mark.parametrize("repeats", range(8))
def test_wherever_a_cut_falls_a_character_beyond_the_first_plane_is_whole(repeats: int) -> None:
    # Vega looks for the cut by bisecting UTF-16 units: some lengths split a pair, others do not.
    for lead in range(4):
        name = "a" * lead + "\N{GRINNING FACE}" * (11 + 3 * repeats)
        (shown,) = [each for each in text_of(bars(name)) if each != "1"]
        assert shown.rstrip(ELLIPSIS).strip("a\N{GRINNING FACE}") == ""


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80), st.integers(10, 400))
@example("\N{GRINNING FACE}" * 30, 100)
@example("\ud800", 50)
def test_a_label_is_the_name_or_its_beginning(name: str, width: int) -> None:
    whole = drawable(" ".join(name.split()))
    shown = label(name, width)
    shown.encode("utf-16")
    if shown == whole:
        return
    start, _, end = shown.partition(ELLIPSIS)
    clusters = regex.findall(r"\X", whole)
    assert any(start == "".join(clusters[:count]).rstrip() for count in range(len(clusters)))
    assert end == "" or whole.endswith(f" {end.strip()}")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=4))
def test_names_of_every_script_are_drawn(names: list[str]) -> None:
    assert len([each for each in text_of(bars(*names)) if each == "1"]) >= len(names)
    rows = [
        {"name": name, "kind": "one", "order": 0, "value": 1, "tip": drawable(name)}
        for name in dict.fromkeys(names)
    ]
    assert draw.picture(compared.shares(rows, PAGE, 340, {"one": "first"}))


def test_bars_of_one_name_stay_apart() -> None:
    long = "An espresso machine with a very long name, model "
    drawn = [each for each in text_of(bars("Tea", "Tea", long + "1", long + "2")) if each != "1"]
    assert len(drawn) == 4


def test_a_key_that_tells_two_names_apart_is_not_cut_off() -> None:
    name = "An espresso machine with a very long name"
    first, second = told_apart([name, name], [17, 4])
    assert label(first, 174).endswith(f"{ELLIPSIS} (17)")
    assert label(second, 174).endswith(f"{ELLIPSIS} (4)")


def test_names_that_look_alike_have_their_keys() -> None:
    assert told_apart(["Tea", "tea", "Coffee"], [1, 2, 3]) == ["Tea (1)", "tea (2)", "Coffee"]
    assert told_apart(["Tea", "Te\N{ZERO WIDTH SPACE}a"], [1, 2])[0] == "Tea (1)"


@pytest.mark.parametrize(
    "name", ["\N{ZERO WIDTH SPACE}", "\N{HANGUL FILLER}", " ", "\N{WORD JOINER} ", "\u2800"]
)
def test_a_name_of_nothing_to_see_is_the_key(name: str) -> None:
    assert not is_visible(name)
    assert product_name(7, name) == "product 7"
    assert customer_name(7, name, None) == "customer 7"
    assert customer_name(7, name, "Lee") == "Lee"


def test_a_long_message_ends_between_two_clusters() -> None:
    assert shortened("short", 300) == "short"
    assert shortened(FAMILY * 3, 2) == FAMILY * 2 + ELLIPSIS
