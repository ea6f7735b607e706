"""A collection's validator, and the rules for its shard key and indexes, checked before a server is asked.

mongos 7.0.11 enforces these rules (each was tried), but later: it refuses an index after the build has begun,
or the first document that breaks it.
"""

from __future__ import annotations

from typing import Any

from pos_loader.collection import BUCKET_FIELD, BsonType, Buckets, Collection, Index, Level
from pos_loader.errors import SpecError

INDEX_KINDS = (1, -1, "hashed", "text", "2d", "2dsphere")


def validator(collection: Collection) -> dict[str, Any]:
    """Return the `$jsonSchema` validator of the documents: types, required fields, longest arrays.

    A JSON column allows any type; a field that keeps NULL allows null too. It is draft 4 as MongoDB reads it.
    Source: https://www.mongodb.com/docs/manual/reference/operator/query/jsonSchema/
    """
    described = _object(collection.document)
    if collection.buckets:
        described["properties"] = {"_id": _bucket_id(collection.buckets), **described["properties"]}
        described["required"] = ["_id", *described["required"]]
    return {"$jsonSchema": described}


def _bucket_id(buckets: Buckets) -> dict[str, Any]:
    types = {buckets.parent.name: {"bsonType": buckets.parent.type.value}, BUCKET_FIELD: {"bsonType": "int"}}
    return {"bsonType": "object", "properties": types, "required": list(types)}


def _object(level: Level) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for field in level.fields:
        kinds = [field.type.value, "null"] if field.keep_null else field.type.value
        properties[field.name] = {} if field.type is BsonType.JSON else {"bsonType": kinds}
    for child in level.children:
        longest = {} if child.max_items is None else {"maxItems": child.max_items}
        properties[child.name] = {"bsonType": "array", **longest, "items": _object(child)}
    required = [field.name for field in level.fields if field.keep_null or not field.nullable]
    required += [child.name for child in level.children]
    described: dict[str, Any] = {"bsonType": "object", "properties": properties}
    return {**described, "required": required} if required else described


def check(collection: Collection) -> None:
    """Raise `SpecError` for a shard key or an index that MongoDB refuses, or that would refuse documents."""
    _check_shard_key(collection)
    seen: dict[str, Index] = {}
    for index in collection.indexes:
        if index.name in seen:
            raise _error(collection, f"index {index.name} is declared twice", "give one of them another name")
        seen[index.name] = index
        _check_index(collection, index)


def _check_shard_key(collection: Collection) -> None:
    scalars = {field.name for field in collection.root.fields if field.type is not BsonType.JSON}
    if collection.buckets:
        scalars = {f"_id.{collection.buckets.parent.name}"}
    key = dict(collection.shard_key)
    if len(key) < len(collection.shard_key):
        raise _error(collection, "shard_key names a field twice", "name each field once")
    for path, kind in key.items():
        if path not in scalars:
            raise _error(
                collection,
                f"shard_key field {path} is no scalar field of the root",
                f"MongoDB shards by {', '.join(sorted(scalars))}; not by arrays, what is in them, or JSON",
            )
        if kind not in (1, "hashed"):
            raise _error(collection, f"shard_key {path}: {kind}", "allowed are 1 and hashed")
    if list(key.values()).count("hashed") > 1:
        raise _error(collection, "shard_key has two hashed fields", "hash one of them")


def _check_index(collection: Collection, index: Index) -> None:
    if index.keys == (("_id", 1),):
        raise _error(collection, f"index {index.name} is on _id alone", "leave it out, it is always there")
    for path, kind in index.keys:
        if kind not in INDEX_KINDS:
            allowed = ", ".join(map(str, INDEX_KINDS))
            raise _error(collection, f"index {index.name}: {path}: {kind}", f"allowed are {allowed}")
    _check_arrays(collection, index)
    if [kind for _, kind in index.keys].count("hashed") > 1:
        raise _error(collection, f"index {index.name} has two hashed fields", "hash one of them")
    if index.unique:
        _check_unique(collection, index)


def _check_unique(collection: Collection, index: Index) -> None:
    if "hashed" in dict(index.keys).values():
        raise _error(
            collection, f"unique index {index.name} is hashed", "a hashed index cannot be unique; use 1"
        )
    fields = tuple(path for path, _ in index.keys)
    key = tuple(path for path, _ in collection.shard_key)
    # A shard sees only its own documents, and the server takes _id for unique whatever the shard key is.
    if key and fields[0] != "_id" and fields[: len(key)] != key:
        raise _error(
            collection,
            f"unique index {index.name} on ({', '.join(fields)}) cannot hold across shards",
            f"begin it with the shard key ({', '.join(key)}), or drop unique",
        )


def _check_arrays(collection: Collection, index: Index) -> None:
    """Require that an index follows one chain of arrays; MongoDB refuses every document otherwise (171)."""
    longest = ""
    for path, kind in index.keys:
        array = _array(collection.document, path)
        if array and kind == "hashed":
            raise _error(
                collection, f"index {index.name} hashes {path}", f"{array} is an array; index it with 1 or -1"
            )
        inner, outer = sorted((array, longest), key=len, reverse=True)
        if outer and not f"{inner}.".startswith(f"{outer}."):
            raise _error(
                collection,
                f"index {index.name} covers two arrays, {longest} and {array}",
                "MongoDB cannot index parallel arrays; make two indexes",
            )
        longest = inner


def _array(level: Level, path: str) -> str:
    """Return the path of the innermost array that `path` runs through; empty if there is none."""
    head, _, rest = path.partition(".")
    for child in level.children:
        if child.name == head:
            deeper = _array(child, rest)
            return f"{head}.{deeper}" if deeper else head
    return ""


def _error(collection: Collection, what: str, fix: str) -> SpecError:
    return SpecError(what, where=f"exposure {collection.name}", fix=fix)
