"""The grammar of `meta.mongo` in an exposure: the keys that a user may write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pos_loader.errors import SpecError

TypeName = Literal["bool", "int32", "int64", "double", "decimal", "string", "date", "json", "binary"]
CoercionName = Literal["milliseconds", "missing"]
EVERY = "*"
"""In `coerce`: every date column of the level and of those below it."""
_SEE = "see docs/reference/declaration.md"
Name = Annotated[str, Field(min_length=1)]
_Value = bool | str | int | float | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LevelDeclaration(_Strict):
    """The keys of every level: columns to leave out, rename or type, how to write NULL, and arrays.

    `coerce` says for each date column how values become such that BSON can hold them.
    """

    exclude: list[Name] = []
    rename: dict[Name, Name] = {}
    nulls: Literal["omit", "keep"] = "omit"
    types: dict[Name, TypeName] = {}
    coerce: dict[Name, CoercionName | list[CoercionName]] = {}
    embed: dict[Name, EmbedDeclaration] = {}


class OverflowDeclaration(_Strict):
    """The buckets for items that an array does not keep: their collection and their size in items."""

    collection: Name | None = None
    bucket_items: Annotated[int, Field(ge=1)] | None = None


class EmbedDeclaration(LevelDeclaration):
    """An array of a model's rows."""

    model: Name
    order_by: list[Name] = []
    max_items: Annotated[int, Field(ge=1)] | None = None
    on_overflow: Literal["fail", "newest", "overflow"] = "fail"
    overflow: OverflowDeclaration | None = None


class IndexDeclaration(BaseModel):
    """A secondary index. The options beside `keys` are those of MongoDB's createIndexes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    keys: Annotated[dict[Name, Literal[1, -1, "hashed", "text", "2dsphere"]], Field(min_length=1)]
    name: Name | None = None
    unique: bool | None = None
    sparse: bool | None = None
    partialFilterExpression: dict[str, Any] | None = None  # noqa: N815 - MongoDB's own name
    collation: dict[str, Any] | None = None
    expireAfterSeconds: Annotated[int, Field(ge=0)] | None = None  # noqa: N815 - MongoDB's own name


class RangeDeclaration(_Strict):
    """A range of values in a zone: `from` is its first value, `to` the first beyond; both may be left off."""

    from_: _Value = Field(default=None, alias="from")
    to: _Value = None


class CollectionDeclaration(LevelDeclaration):
    """One collection: `meta.mongo` of an exposure."""

    root: Name
    key: Name
    database: Name | None = None
    collection: Name | None = None
    field_case: Literal["snake", "camel"] = "snake"
    unknown_member: int | str | None = None
    shard_key: Annotated[dict[Name, Literal[1, "hashed"]], Field(min_length=1)] | Literal["none"]
    chunks: Annotated[int, Field(ge=1, le=8192)] | None = None
    zones: dict[Name, Annotated[list[RangeDeclaration | _Value], Field(min_length=1)]] | None = None
    indexes: list[IndexDeclaration] = []
    drop_indexes: list[Name] = []
    allow_empty: bool = False
    all_or_none: Name | None = None
    max_delete_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    document_budget: Annotated[int, Field(ge=1, le=16 * 1024 * 1024)] = 1024 * 1024


def parse_declaration(meta: Mapping[str, Any], *, where: str) -> CollectionDeclaration:
    """Check the `meta.mongo` of one exposure; `where` names its file and the exposure, for the message.

    Raises `SpecError` that names the first wrong key, its value, and what is allowed.
    """
    try:
        declared = CollectionDeclaration.model_validate(dict(meta))
        return declared.model_copy(update={"embed": _inheriting(declared)})
    except ValidationError as error:
        first = error.errors()[0]
        # pydantic names the alternatives of a union as if they were keys: dict[...]
        alternatives = ("dict[", "list[", "literal[")
        place = ".".join(str(part) for part in first["loc"] if not str(part).startswith(alternatives))
        found = "" if first["type"] == "missing" else f" {first['input']!r}"
        fix = f"allowed here: {_allowed(first['loc'])}" if first["type"] == "extra_forbidden" else _SEE
        raise SpecError(f"meta.mongo.{place}{found}: {first['msg']}", where=where, fix=fix) from None


def _inheriting(level: LevelDeclaration) -> dict[str, EmbedDeclaration]:
    """Return the arrays of a level; one without its own `coerce` gets the level's `coerce` of all columns."""
    arrays = {}
    for name, array in level.embed.items():
        every = {EVERY: level.coerce[EVERY]} if EVERY in level.coerce else {}
        heir = array.model_copy(update={"coerce": {**every, **array.coerce}})
        arrays[name] = heir.model_copy(update={"embed": _inheriting(heir)})
    return arrays


def _allowed(place: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = CollectionDeclaration
    if "indexes" in place:
        model = IndexDeclaration
    elif "overflow" in place[:-1]:
        model = OverflowDeclaration
    elif "embed" in place:
        model = EmbedDeclaration
    return ", ".join(model.model_fields)
