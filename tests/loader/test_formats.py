"""One table in three formats: aligned columns, tab-separated values and JSON, wide and at 80 columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from itertools import count, islice

import pytest

from pos_loader.console import Console
from pos_loader.formats import READ_AHEAD, Format, aligned, tab_separated
from tests.queries.conftest import QUERIES
from tests.queries.test_command import run

HEADS = ("collection", "documents", "verified")
ROWS = (("pos.orders", "1,200", "every byte"), ("pos.文書", "3", ""))
WIDE = (("pos.orders", "1,200", "every byte, " + "and 8 figures, " * 5 + "all equal"), ROWS[1])


def printed(monkeypatch: pytest.MonkeyPatch, format: Format, **environment: str) -> str:
    """What the console prints of the wide table; Rich reads the terminal from the environment."""
    for name in ("FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = StringIO()
    monkeypatch.setattr("sys.stdout", out)
    Console(format=format).table(HEADS, WIDE)
    return out.getvalue()


def test_columns_are_aligned_by_what_a_terminal_shows() -> None:
    assert [*aligned(HEADS, ROWS, width=80)] == [
        "collection  documents  verified",
        "pos.orders  1,200      every byte",
        "pos.文書    3",
    ]


def test_a_table_wider_than_the_terminal_is_printed_as_records() -> None:
    assert [*aligned(HEADS, ROWS, width=32)] == [
        "collection  pos.orders",
        "documents   1,200",
        "verified    every byte",
        "",
        "collection  pos.文書",
        "documents   3",
        "verified",
    ]
    assert len([*aligned(HEADS, ROWS, width=33)]) == 3


def test_heads_without_rows_stay_heads() -> None:
    assert [*aligned(HEADS, [], width=5)] == ["collection  documents  verified"]
    assert [*tab_separated(HEADS, [])] == ["collection\tdocuments\tverified"]


def test_a_cell_with_a_tab_or_a_line_end_stays_one_cell() -> None:
    rows = [("a\tb\r\nc", "1", "")]
    assert [*tab_separated(HEADS, rows)][1] == "a b c\t1\t"
    assert [*aligned(HEADS, rows, width=None)][1] == "a b c       1"


@pytest.mark.parametrize("render", [tab_separated, lambda heads, rows: aligned(heads, rows, width=80)])
def test_a_table_of_any_length_is_printed_as_it_comes(render: object) -> None:
    endless: Iterator[tuple[str]] = ((str(number),) for number in count())
    assert callable(render)
    assert [*islice(render(("number",), endless), 3)] == ["number", "0", "1"]
    assert next(endless) == (str(READ_AHEAD),)


def test_a_terminal_of_80_columns_gets_records_and_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = printed(monkeypatch, Format.AUTO, FORCE_COLOR="1", COLUMNS="80", NO_COLOR="1", TERM="dumb")
    assert shown == printed(monkeypatch, Format.TABLE, FORCE_COLOR="1", COLUMNS="80", TERM="dumb")
    assert [line.split()[0] for line in shown.splitlines()[:3]] == [*HEADS]
    assert WIDE[0][2] in shown


def test_a_pipe_gets_tab_separated_values_unless_a_table_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tsv = printed(monkeypatch, Format.AUTO)
    assert tsv == printed(monkeypatch, Format.TSV, FORCE_COLOR="1", COLUMNS="80")
    assert [line.split("\t") for line in tsv.splitlines()] == [[*HEADS], *map(list, WIDE)]
    table = printed(monkeypatch, Format.TABLE, COLUMNS="80").splitlines()
    assert table[0] == "collection  documents  verified", "no terminal, no limit of width, no colour"
    assert table[1] == f"pos.orders  1,200      {WIDE[0][2]}"


def test_a_cell_that_looks_like_markup_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = StringIO()
    monkeypatch.setattr("sys.stdout", out)
    Console().table(("error",), [("closing tag [/x] of [bold]nothing",)])
    assert "closing tag [/x] of [bold]nothing" in out.getvalue()


def test_a_command_prints_the_same_table_in_every_format() -> None:
    tsv = [line.split("\t") for line in run("--format", "tsv").stdout.splitlines()]
    assert tsv == [line.split("\t") for line in run().stdout.splitlines()]
    table = run("--format", "table").stdout.splitlines()
    column = table[0].index("parameters")
    assert [line[:column].strip() for line in table] == [row[0] for row in tsv]
    assert [each["name"] for each in json.loads(run("--format", "json").stdout)] == list(QUERIES)
    assert run("--format", "json") == run("--json") == run("--format", "json", "--json")


@pytest.mark.parametrize("format", ["auto", "table", "tsv"])
def test_two_formats_at_once_are_refused(format: str) -> None:
    finished = run("--json", "--format", format)
    assert finished.code == 2
    assert finished.error == f"--json and --format {format} contradict each other; give one of them"
