"""The declared queries: `queries.yml` beside dbt_project.yml is checked, and filled with parameters.

A query is an aggregation of one collection that only reads. `{$param: NAME}` stands for a parameter. It is
allowed only in `$match` and `$limit`, so MongoDB never reads a value as a field or an operator. A condition
whose parameter is not given is left out, and so is a stage or a list that has no condition left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ValidationError

from pos_loader.errors import SpecError, unreadable
from pos_loader.queries.grammar import (
    ExplainDeclaration,
    FileDeclaration,
    ParameterDeclaration,
    QueryDeclaration,
)
from pos_loader.queries.parameters import Kind, Parameter, Value

FILE = "queries.yml"
PARAM = "$param"
READING_STAGES = frozenset(
    {"$addFields", "$bucket", "$count", "$facet", "$group", "$limit", "$lookup", "$match", "$project"}
    | {"$replaceRoot", "$set", "$setWindowFields", "$skip", "$sort", "$sortByCount", "$unionWith", "$unset"}
    | {"$unwind"}
)
STAGES_WITH_PARAMETERS = ("$match", "$limit")
RULES: Mapping[str, tuple[Kind, ...]] = {
    "choices": ("string",),
    "pattern": ("string",),
    "minimum": ("int", "decimal"),
}


@dataclass(frozen=True)
class Question:
    """A query whose parameters have values: what MongoDB is asked, and the columns of the answer."""

    name: str
    collection: str
    pipeline: tuple[dict[str, Any], ...]
    collation: Mapping[str, Any] | None
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """One declared query; `columns` are the fields that its last stage shows."""

    name: str
    description: str
    collection: str
    parameters: tuple[Parameter, ...]
    pipeline: tuple[dict[str, Any], ...]
    collation: Mapping[str, Any] | None
    columns: tuple[str, ...]
    index: str
    shards: Literal["one", "all"]
    scan: bool
    sql: str | None

    def question(self, words: Sequence[str]) -> Question:
        """Fill in the parameters of the command line: `--name value` or `--name=value`, each at most once.

        Raises `SpecError` for an unknown, repeated or missing parameter, and for a value that is not allowed.
        """
        values = {
            parameter.name: parameter.default
            for parameter in self.parameters
            if parameter.default is not None
        }
        given = dict(self._given(words))
        for parameter in self.parameters:
            if parameter.name in given:
                values[parameter.name] = self._value(parameter, given[parameter.name])
            elif parameter.default is None and not parameter.optional:
                raise self._error(f"{parameter.option} is missing", f"give {parameter.wanted}")
        stages = (_filled(stage, values) for stage in self.pipeline)
        kept = tuple(stage for stage in stages if stage is not _LEFT_OUT)
        return Question(self.name, self.collection, kept, self.collation, self.columns)

    def _given(self, words: Sequence[str]) -> Iterator[tuple[str, str]]:
        options = {parameter.option: parameter.name for parameter in self.parameters}
        seen: set[str] = set()
        left = iter(words)
        for word in left:
            option, equals, text = word.partition("=")
            if option not in options:
                what = f"parameter {option}" if option.startswith("-") else f"place for {word!r}"
                raise self._error(f"query {self.name} has no {what}", f"allowed are: {self._allowed}")
            if option in seen:
                raise self._error(f"{option} is given twice", "give it once")
            seen.add(option)
            value = text if equals else next(left, None)
            if value is None:
                raise self._error(f"{option} has no value", f"give {self._by_option(option).wanted}")
            yield options[option], value

    def _value(self, parameter: Parameter, text: str) -> Value:
        try:
            return parameter.read(text)
        except ValueError:
            what = f"{parameter.option} {text!r} is not allowed"
            raise self._error(what, f"give {parameter.wanted}") from None

    def _by_option(self, option: str) -> Parameter:
        return next(parameter for parameter in self.parameters if parameter.option == option)

    @property
    def _allowed(self) -> str:
        return ", ".join(parameter.option for parameter in self.parameters) or "none"

    def _error(self, what: str, fix: str) -> SpecError:
        return SpecError(what, where=f"{FILE}, query {self.name}", fix=fix)


def read_queries(folder: Path) -> Mapping[str, Query]:
    """Read and check every query of a project, by name, in the order of the file.

    Raises `SpecError` that names the file, the query, the key, what was found and what is allowed.
    """
    path = folder / FILE
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"{FILE} is missing", where=str(folder), fix="give --project-dir") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise SpecError(
            f"{FILE} cannot be read: {unreadable(error)}", where=str(path), fix="correct it"
        ) from None
    try:
        declared = FileDeclaration.model_validate(content)
    except ValidationError as error:
        raise _refusal(error) from None
    return {name: _query(name, query) for name, query in declared.queries.items()}


HEADS = ("query", "parameters", "description")


def row(query: Query) -> tuple[str, ...]:
    """Spell one query as a table row under `HEADS`: optional parameters in [], defaults in ()."""
    return query.name, " ".join(map(_spelled, query.parameters)), query.description


def _spelled(parameter: Parameter) -> str:
    option = f"{parameter.option} {parameter.type.upper()}"
    if parameter.optional:
        return f"[{option}]"
    return option if parameter.default is None else f"{option} ({parameter.default})"


def as_json(query: Query) -> dict[str, Any]:
    """Spell one query as JSON values."""
    return {
        "name": query.name,
        "description": query.description,
        "collection": query.collection,
        "parameters": [
            {"option": parameter.option, **asdict(parameter), "wanted": parameter.wanted}
            for parameter in query.parameters
        ],
        "columns": list(query.columns),
        "sql": query.sql,
        "explain": {"index": query.index, "shards": query.shards, "scan": query.scan},
    }


def find(queries: Mapping[str, Query], name: str) -> Query:
    """Return the query of this name; raise `SpecError` that lists all names if there is none."""
    if name not in queries:
        raise SpecError(f"no query {name}", where=FILE, fix=f"declared are: {', '.join(queries)}")
    return queries[name]


def _refusal(error: ValidationError) -> SpecError:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    where = f"{FILE}, query {path[1]}" if len(path) > 1 and path[0] == "queries" else FILE
    key = ".".join(path[2:] if len(path) > 2 else path)
    found = "" if first["type"] == "missing" else f" {first['input']!r}"
    fix = ""
    if first["type"] == "extra_forbidden":
        model: type[BaseModel] = QueryDeclaration if len(path) > 2 else FileDeclaration
        model = ParameterDeclaration if "parameters" in path else model
        model = ExplainDeclaration if "explain" in path else model
        fix = f"allowed here: {', '.join(model.model_fields)}"
    said = first["msg"].removeprefix("Value error, ")
    return SpecError(f"{key or 'the file'}{found}: {said}", where=where, fix=fix)


def _query(name: str, declared: QueryDeclaration) -> Query:
    where = f"{FILE}, query {name}"
    parameters = tuple(_parameter(key, parameter, where) for key, parameter in declared.parameters.items())
    _check_stages(declared.pipeline, where)
    used = set(_parameters_in(declared.pipeline, where))
    for wrong in sorted(used ^ {parameter.name for parameter in parameters}):
        problem = "is used and not declared" if wrong in used else "is declared and not used"
        raise SpecError(f"parameter {wrong} {problem}", where=where, fix=f"write {{{PARAM}: {wrong}}} for it")
    return Query(
        name=name,
        description=declared.description,
        collection=declared.collection,
        parameters=parameters,
        pipeline=tuple(declared.pipeline),
        collation=declared.collation,
        columns=tuple(field for field, shown in declared.pipeline[-1]["$project"].items() if shown != 0),
        index=declared.explain.index,
        shards=declared.explain.shards,
        scan=declared.explain.scan,
        sql=declared.sql,
    )


def _parameter(name: str, declared: ParameterDeclaration, where: str) -> Parameter:
    options = declared.model_dump(exclude={"default", "choices"})
    parameter = Parameter(name=name, choices=tuple(declared.choices or ()), **options)
    for rule, kinds in RULES.items():
        if getattr(declared, rule) is not None and declared.type not in kinds:
            what = f"parameters.{name}.{rule} is not for type {declared.type}"
            raise SpecError(what, where=where, fix=f"it is for: {', '.join(kinds)}")
    if declared.default is None:
        return parameter
    try:
        default = parameter.read(str(declared.default))
    except ValueError:
        what = f"parameters.{name}.default {declared.default!r} is not allowed"
        raise SpecError(what, where=where, fix=f"give {parameter.wanted}") from None
    return Parameter(name=name, choices=parameter.choices, default=default, **options)


def _check_stages(pipeline: Sequence[Mapping[str, Any]], where: str) -> None:
    for number, stage in enumerate(pipeline):
        if len(stage) != 1 or not READING_STAGES.issuperset(stage):
            raise SpecError(
                f"pipeline.{number} {', '.join(stage) or 'nothing'} is no stage that reads",
                where=where,
                fix=f"allowed are: {', '.join(sorted(READING_STAGES))}",
            )
    shown = pipeline[-1].get("$project")
    if not isinstance(shown, dict) or shown.get("_id") != 0 or len(shown) < 2:
        raise SpecError(
            f"pipeline.{len(pipeline) - 1} does not say which columns the answer has",
            where=where,
            fix="end the pipeline with $project: {_id: 0, COLUMN: ...}",
        )


def _parameters_in(node: Any, where: str, *, stage: str = "") -> Iterator[str]:
    """Find every `$param`; raise `SpecError` for one where its value could be read as something else."""
    if isinstance(node, list):
        for child in node:
            yield from _parameters_in(child, where, stage=stage or next(iter(child)))
    elif isinstance(node, dict):
        if PARAM in node:
            if len(node) > 1 or not isinstance(node[PARAM], str):
                raise SpecError(f"{node} is no parameter", where=where, fix=f"write {{{PARAM}: NAME}}")
            if stage not in STAGES_WITH_PARAMETERS:
                raise SpecError(
                    f"parameter {node[PARAM]} stands in {stage}",
                    where=where,
                    fix=f"allowed are: {', '.join(STAGES_WITH_PARAMETERS)}, without $expr",
                )
            yield node[PARAM]
            return
        for key, child in node.items():
            yield from _parameters_in(child, where, stage="$expr" if key == "$expr" else stage)


class _LeftOut:
    """Marks a parameter without a value."""


_LEFT_OUT = _LeftOut()


def _filled(node: Any, values: Mapping[str, Value]) -> Any:
    if isinstance(node, dict):
        if PARAM in node:
            return values.get(node[PARAM], _LEFT_OUT)
        fields = {key: _filled(child, values) for key, child in node.items()}
        kept = {key: child for key, child in fields.items() if child is not _LEFT_OUT}
        return kept if kept or not node else _LEFT_OUT
    if isinstance(node, list):
        items = [child for child in (_filled(child, values) for child in node) if child is not _LEFT_OUT]
        return items if items or not node else _LEFT_OUT
    return node
