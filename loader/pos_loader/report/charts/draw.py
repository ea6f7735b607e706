"""Draw a specification as SVG and PNG, with vl-convert: it needs no browser and no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import vl_convert
from markupsafe import Markup

VERSION = "5.20"
SVG = "http://www.w3.org/2000/svg"
PNG_SCALE = 2
_KEPT = {
    "viewBox",
    "d",
    "transform",
    "x",
    "y",
    "x2",
    "y2",
    "width",
    "height",
    "fill",
    "fill-opacity",
    "stroke",
} | {
    *(
        "stroke-width",
        "stroke-opacity",
        "stroke-dasharray",
        "stroke-linejoin",
        "stroke-miterlimit",
        "opacity",
    ),
    *("text-anchor", "font-size", "font-weight", "cx", "cy", "r"),
}


def picture(spec: Mapping[str, Any]) -> Markup:
    """Draw a chart for the page: an SVG element without size, font and roles, which the page sets.

    Vega's description of a mark becomes `data-tip`, which the page shows when the pointer is on the mark.
    """
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(svg(spec))  # noqa: S314 - Vega's own output
    _strip(root)
    del root.attrib["width"], root.attrib["height"]
    root.set("aria-hidden", "true")
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - serialized, so escaped


def svg(spec: Mapping[str, Any]) -> str:
    """Draw a chart as an SVG file."""
    return str(vl_convert.vegalite_to_svg(dict(spec), vl_version=VERSION))


def png(drawn: str) -> bytes:
    """Turn an SVG file into a PNG for slides, twice as large."""
    return bytes(vl_convert.svg_to_png(drawn, scale=PNG_SCALE))


def _strip(element: ElementTree.Element) -> None:
    for child in list(element):
        if child.get("display") == "none" or child.get("d") == "" or child.get("class") == "background":
            element.remove(child)
        else:
            _strip(child)
            if child.tag == f"{{{SVG}}}g" and not len(child):
                element.remove(child)
    tip = element.get("aria-label") if element.get("role") == "graphics-symbol" and not len(element) else None
    for name in set(element.attrib) - _KEPT:
        del element.attrib[name]
    if tip:
        element.set("data-tip", tip)
