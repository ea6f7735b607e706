"""The grammar of queries.yml: the keys of the file, of a query and of a parameter, and their values."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pos_loader.queries.parameters import Kind

Text = Annotated[str, Field(min_length=1)]
QueryName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
ParameterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _regular_expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


class ParameterDeclaration(_Strict):
    """What a query can be asked with."""

    type: Kind
    description: Text
    default: int | str | date | None = None
    optional: bool = False
    choices: Annotated[list[Text], Field(min_length=1)] | None = None
    minimum: int | None = None
    pattern: Annotated[Text, AfterValidator(_regular_expression)] | None = None


class ExplainDeclaration(_Strict):
    """What `--explain` must show: the index, and on how many shards; a `scan` reads all documents."""

    index: Text
    shards: Literal["one", "all"]
    scan: bool = False


class QueryDeclaration(_Strict):
    """One named query."""

    description: Text
    sql: Text | None = None
    collection: Text
    parameters: dict[ParameterName, ParameterDeclaration] = {}
    collation: dict[str, Any] | None = None
    pipeline: Annotated[list[dict[str, Any]], Field(min_length=1)]
    explain: ExplainDeclaration


class FileDeclaration(_Strict):
    """The whole file."""

    queries: Annotated[dict[QueryName, QueryDeclaration], Field(min_length=1)]
