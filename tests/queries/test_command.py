"""`pos-loader query`: the list, the errors, tables, streams, and the guide's commands."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from typer.testing import CliRunner

from pos_loader.cli import app
from tests.docs.documents import commands
from tests.loader.running import Finished
from tests.queries.conftest import QUERIES, Published
from tests.warehouse import PROJECT

GUIDE = Path("docs/queries.md")
NOWHERE = "mongodb://127.0.0.1:1"
BOXES, ITEMS = 100, 1_000
NOTE = "a\tb\x1b[31m ä\u3000\u2028\u202e"
MANY = """
queries:
  many:
    description: Many rows.
    collection: many
    parameters:
      below: {type: int, optional: true, description: The first box that is left out.}
    pipeline:
      - $match: {_id: {$lt: {$param: below}}}
      - $unwind: $items
      - $project: {_id: 0, box: $_id, item: $items, price: 1, note: 1}
    explain: {index: _id_, shards: one, scan: true}
"""


def run(*words: str, **environment: str) -> Finished:
    """Run `query` in this process; it finds no server unless the environment has one."""
    settings = {"POS_PROJECT_DIR": str(PROJECT), "POS_MONGO_URI": NOWHERE, "POS_MONGO_TIMEOUT": "0.5"}
    result = CliRunner().invoke(app, ["query", *words], env={**settings, **environment})
    assert isinstance(result.exception, SystemExit | None), result.exception
    return Finished(result.exit_code, result.stdout, result.stderr)


def test_without_a_name_all_queries_are_listed_with_their_parameters() -> None:
    rows = [line.split("\t") for line in run().stdout.splitlines()]
    assert rows[0] == ["query", "parameters", "description"]
    assert [row[0] for row in rows[1:]] == list(QUERIES)
    assert [row[2] for row in rows[1:]] == [query.description for query in QUERIES.values()]
    assert ["orders-of-customer", "--customer-id INT (1)"] in [row[:2] for row in rows]
    assert ["products-in-city", "--city STRING (Houston) [--state STRING]"] in [row[:2] for row in rows]
    listed = run("--json").json
    assert [each["name"] for each in listed] == list(QUERIES)
    assert listed[1]["parameters"][0]["option"] == "--customer-id"


def test_neither_mariadb_nor_artifacts_are_needed(published: Published) -> None:
    uri, database = published.loader.mongo_uri, published.loader.database
    finished = run("buyers", POS_MONGO_URI=uri, POS_MONGO_DATABASE=database, POS_TARGET_PATH="nowhere")
    assert finished.code == 0
    assert finished.stdout.startswith("customerId\tfirstName\tlastName\tcity\tstate\t")


def test_a_table_has_the_values_of_the_json(published: Published) -> None:
    spelled = {"None": "", "True": "true", "False": "false"}
    for name in ("orders-of-customer", "revenue-by-month"):
        table = published.answer(name, {}, "--quiet").stdout.splitlines()
        objects = [json.loads(line) for line in published.answer(name, {}).stdout.splitlines()]
        rows = [[spelled.get(str(value), str(value)) for value in each.values()] for each in objects]
        assert [line.split("\t") for line in table] == [[*objects[0]], *rows]
        assert rows


def test_explain_as_a_table(published: Published) -> None:
    whole, shards = published.answer("orders-of-customer", {}, "--explain").stdout.split("\n\n")
    head, row = (line.split("\t") for line in whole.splitlines())
    shown = dict(zip(head, row, strict=True))
    assert shown["shards"] == "1 of 2"
    assert shown["index"] == "_id_"
    assert shown["documents per returned"] == "1.00"
    assert float(shown["ms"]) > 0
    assert shards.splitlines()[0].split("\t")[:3] == ["shard", "index", "keys examined"]
    assert len(shards.splitlines()) == 2


@pytest.fixture(scope="module")
def many(published: Published, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a project whose only query returns very many rows."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "queries.yml").write_text(MANY)
    items: list[Any] = [*range(ITEMS)]
    box = {"items": items, "price": Decimal128("0.1200"), "note": NOTE}
    published.documents["many"].insert_many([{"_id": number, **box} for number in range(BOXES)])
    return {
        **os.environ,
        "POS_PROJECT_DIR": str(folder),
        "POS_MONGO_URI": published.loader.mongo_uri,
        "POS_MONGO_DATABASE": published.loader.database,
    }


# The program tells its own peak, because the system's figure for a child starts with the size of its parent.
PEAK_TOLD = """
import atexit, pathlib, re, sys
from pos_loader.cli import app

status = pathlib.Path("/proc/self/status")
atexit.register(lambda: print(re.search("VmHWM: *(.*) kB", status.read_text())[1], file=sys.stderr))
app()
"""


def streamed(many: dict[str, str], *options: str) -> tuple[int, bytes, int]:
    """Run in another process; return the number of lines, the last line, and the peak memory in bytes."""
    command = [sys.executable, "-c", PEAK_TOLD, "query", "many", *options]
    with subprocess.Popen(
        command, cwd=PROJECT, env=many, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        count, last = 0, b""
        for count, last in enumerate(process.stdout, 1):  # noqa: B007
            pass
        peak = process.stderr.read()
    assert process.returncode == 0, peak
    return count, last, int(peak) * 1024


def test_a_great_many_rows_stream_in_bounded_memory(many: dict[str, str]) -> None:
    few, line, least = streamed(many, "--json", "--below", "5")
    count, last, most = streamed(many, "--json")
    assert (few, count) == (5 * ITEMS, BOXES * ITEMS)
    assert json.loads(last) == {"box": BOXES - 1, "item": ITEMS - 1, "price": "0.1200", "note": NOTE}
    assert json.loads(line)["box"] == 4
    assert most - least < 20e6, "a row that is printed is forgotten"


def test_what_would_move_a_cursor_or_a_column_is_escaped(many: dict[str, str]) -> None:
    _, last, _ = streamed(many, "--below", "1")
    assert last.decode() == f"0\t{ITEMS - 1}\t0.1200\ta\\tb\\x1b[31m ä\u3000\\u2028\\u202e\n"


def test_a_reader_who_has_enough_ends_the_command_quietly(many: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pos_loader", "query", "many"]
    with subprocess.Popen(
        command, cwd=PROJECT, env=many, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"box\titem\tprice\tnote\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_every_command_of_the_guide_runs(published: Published) -> None:
    written = [shlex.split(command) for command in commands(GUIDE)]
    asked = [words for words in written if words[:2] == ["pos-loader", "query"]]
    assert {words[2] for words in asked if len(words) > 2 and words[2] in QUERIES} == set(QUERIES)
    for words in asked:
        finished = published.loader.invoke(*words[1:])
        assert (finished.code, finished.stderr) == (0, ""), words
        assert finished.stdout.count("\n") > 1, words
