"""The worked examples in the loader's docstrings: they run, and the clever modules have some."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import pos_loader

PACKAGE = Path(pos_loader.__file__).parent
CLEVER = {
    "documents.cuts",
    "documents.encode",
    "documents.extract",
    "documents.marts",
    "documents.merge",
    "documents.nest",
    "documents.pieces",
    "documents.trim",
    "publish.insert",
    "publish.sync",
    "verify.every_byte",
    "verify.first_difference",
}
WITH_EXAMPLES = {
    ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
    for file in PACKAGE.rglob("*.py")
    if ">>> " in file.read_text()
}


@pytest.mark.parametrize("name", sorted(WITH_EXAMPLES | CLEVER))
def test_examples_show_what_the_code_does(name: str) -> None:
    module = importlib.import_module(f"pos_loader.{name}")
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted, "there is no example"
    assert not found.failed
