"""queries.yml: what may be declared, which errors there are, and how parameters fill a pipeline."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from bson.decimal128 import Decimal128
from pydantic import BaseModel

from pos_loader.errors import SpecError
from pos_loader.queries.declared import FILE, Query, read_queries
from pos_loader.queries.grammar import ParameterDeclaration, QueryDeclaration
from tests.docs.documents import blocks, code, table
from tests.queries.conftest import QUERIES

WHERE = f"({FILE}, query some)"


def declared(**changes: Any) -> dict[str, Any]:
    """A query with one parameter, changed; a change to None leaves a key out."""
    query = {
        "description": "Some.",
        "collection": "some",
        "parameters": {"key": {"type": "int", "description": "Key."}},
        "pipeline": [{"$match": {"_id": {"$param": "key"}}}, {"$project": {"_id": 0, "key": "$_id"}}],
        "explain": {"index": "_id_", "shards": "one"},
        **changes,
    }
    return {name: value for name, value in query.items() if value is not None}


def read(folder: Path, content: Any) -> Query:
    (folder / FILE).write_text(
        content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
    )
    return read_queries(folder)["some"]


def parameter(**options: Any) -> dict[str, Any]:
    return {"parameters": {"key": {"type": "int", "description": "Key.", **options}}}


def stages(*first: dict[str, Any], last: Any = None) -> dict[str, Any]:
    last = {"$project": {"_id": 0, "key": "$_id"}} if last is None else last
    return {"pipeline": [*first, last]}


MATCH = {"$match": {"_id": {"$param": "key"}}}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": (
        {"colection": "x"},
        f"colection 'x': Extra inputs are not permitted {WHERE}; allowed here: description, sql, ",
    ),
    "an unknown key of a parameter": (
        parameter(defualt=1),
        f"parameters.key.defualt 1: Extra inputs are not permitted {WHERE}; allowed here: type, ",
    ),
    "an unknown type": (
        parameter(type="float"),
        "parameters.key.type 'float': Input should be 'int', 'string'",
    ),
    "no description": ({"description": None}, f"description: Field required {WHERE}"),
    "another number of shards": (
        {"explain": {"index": "_id_", "shards": "two"}},
        f"explain.shards 'two': Input should be 'one' or 'all' {WHERE}",
    ),
    "a default that is not allowed": (
        parameter(default="x"),
        f"parameters.key.default 'x' is not allowed {WHERE}; give a whole number",
    ),
    "a rule of another type": (
        parameter(pattern="x"),
        f"parameters.key.pattern is not for type int {WHERE}; it is for: string",
    ),
    "a parameter that is not declared": (
        {"parameters": None},
        f"parameter key is used and not declared {WHERE}; write {{$param: key}} for it",
    ),
    "a parameter that is not used": (
        stages({"$match": {"_id": 1}}),
        f"parameter key is declared and not used {WHERE}; write {{$param: key}} for it",
    ),
    "a parameter that could be read as a field": (
        stages(MATCH, {"$set": {"x": {"$eq": ["$a", {"$param": "key"}]}}}),
        f"parameter key stands in $set {WHERE}; allowed are: $match, $limit, without $expr",
    ),
    "a parameter in an expression": (
        stages({"$match": {"$expr": {"$eq": ["$a", {"$param": "key"}]}}}),
        f"parameter key stands in $expr {WHERE}; allowed are: $match, $limit, without $expr",
    ),
    "a stage that writes": (
        stages(MATCH, {"$out": "elsewhere"}),
        f"pipeline.1 $out is no stage that reads {WHERE}; allowed are: $addFields, $bucket, ",
    ),
    "two stages in one": (
        stages({"$match": {}, "$limit": 1}),
        f"pipeline.0 $match, $limit is no stage that reads {WHERE}; allowed are: ",
    ),
    "no columns": (
        stages(MATCH, last={"$sort": {"_id": 1}}),
        f"pipeline.1 does not say which columns the answer has {WHERE}; end the pipeline with $project: ",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_may_not_be_written(case: str, tmp_path: Path) -> None:
    changes, line = REFUSED[case]
    with pytest.raises(SpecError) as refused:
        read(tmp_path, {"queries": {"some": declared(**changes)}})
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("queries: [", "queries.yml cannot be read: "),
        ("- 1", "the file [1]: Input should be a valid dictionary"),
        ("", "the file None: Input should be a valid dictionary"),
        ("queries: {}", "queries {}: Dictionary should have at least 1 item"),
        ("query: {}", "queries: Field required (queries.yml)"),
    ],
)
def test_a_file_that_holds_no_queries(content: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as refused:
        read(tmp_path, content)
    assert str(refused.value).startswith(line)


def test_a_name_has_its_form(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="String should match pattern"):
        read(tmp_path, {"queries": {"Some Query": declared()}})


TYPED: list[tuple[str, str, Any]] = [
    ("int", "-5", -5),
    ("string", "$where", "$where"),
    ("string", "", ""),
    ("decimal", "12.50", Decimal128("12.50")),
    ("date", "2024-01-31", datetime(2024, 1, 31)),
    ("date", "2024-01-31T10:00:00+02:00", datetime(2024, 1, 31, 8)),
]


@pytest.mark.parametrize(("kind", "text", "value"), TYPED)
def test_a_value_has_its_type(kind: str, text: str, value: Any, tmp_path: Path) -> None:
    query = read(tmp_path, {"queries": {"some": declared(**parameter(type=kind))}})
    for words in (["--key", text], [f"--key={text}"]):
        found = query.question(words).pipeline[0]["$match"]["_id"]
        assert (type(found), found) == (type(value), value)


def test_a_parameter_without_value_is_an_error_or_takes_its_condition_with_it(tmp_path: Path) -> None:
    needed = read(tmp_path, {"queries": {"some": declared()}})
    with pytest.raises(SpecError) as refused:
        needed.question([])
    assert str(refused.value) == f"--key is missing {WHERE}; give a whole number"

    condition = {"$match": {"a": 1, "items": {"$elemMatch": {"b": {"$param": "key"}, "c": 2}}, "d": {}}}
    alone = {"$match": {"$and": [{"e": {"$gte": {"$param": "key"}}}]}}
    content = {**parameter(optional=True), **stages(condition, alone)}
    optional = read(tmp_path, {"queries": {"some": declared(**content)}})
    assert optional.question([]).pipeline == (
        {"$match": {"a": 1, "items": {"$elemMatch": {"c": 2}}, "d": {}}},
        {"$project": {"_id": 0, "key": "$_id"}},
    )
    whole = optional.question(["--key", "7"]).pipeline
    assert whole[0]["$match"]["items"] == {"$elemMatch": {"b": 7, "c": 2}}
    assert whole[1] == {"$match": {"$and": [{"e": {"$gte": 7}}]}}


def test_a_default_holds_until_a_value_is_given(tmp_path: Path) -> None:
    query = read(tmp_path, {"queries": {"some": declared(**parameter(default=0))}})
    assert query.question([]).pipeline[0] == {"$match": {"_id": 0}}
    assert query.question(["--key=3"]).pipeline[0] == {"$match": {"_id": 3}}
    assert query.columns == ("key",)


GUIDE = "docs/queries.md"


def test_the_guide_lists_every_query_with_its_index_and_shards() -> None:
    rows = table(GUIDE, "Query")
    assert [code(row[:1])[0] for row in rows] == list(QUERIES)
    for row, query in zip(rows, QUERIES.values(), strict=True):
        assert (code(row[2:3]), row[3]) == ([query.index], query.shards)
        assert row[2].startswith("reads all") is query.scan


@pytest.mark.parametrize(
    ("head", "model"), [("of a query", QueryDeclaration), ("of a parameter", ParameterDeclaration)]
)
def test_the_guides_grammar_is_the_models(head: str, model: type[BaseModel]) -> None:
    described = [name for row in table(GUIDE, head) for name in code(row[:1])]
    assert sorted(described) == sorted(model.model_fields)


def test_the_guides_example_may_be_written(tmp_path: Path) -> None:
    (example,) = blocks(Path(GUIDE), "yaml")
    (tmp_path / FILE).write_text(example.text)
    (name,) = read_queries(tmp_path)
    real = QUERIES[name]
    found = read_queries(tmp_path)[name]
    assert (found.collection, found.index, found.sql) == (real.collection, real.index, real.sql)
