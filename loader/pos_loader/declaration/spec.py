"""Turns exposures and contracts into frozen `Collection`s, and checks every rule of a declaration.

The key rule: the primary key of an embedded model begins with its parent's key. So one range of document keys
is one range scan of the clustered index of every model, and the rows arrive in nesting order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pos_loader.collection import BsonType, Coercion, Collection, Field, Index, Level, OnOverflow, ZoneRange
from pos_loader.dbt.identity import Names
from pos_loader.dbt.schema import Column, Exposure, Manifest, Node
from pos_loader.dbt.selection import selected
from pos_loader.declaration import validator, zones
from pos_loader.declaration.bson_types import bson_type, compares, natural_type
from pos_loader.declaration.grammar import (
    EVERY,
    CollectionDeclaration,
    EmbedDeclaration,
    LevelDeclaration,
    parse_declaration,
)
from pos_loader.declaration.overflow import bucket_collections, name_fault, policy_fault
from pos_loader.errors import SpecError
from pos_loader.settings import database_fault


@dataclass(frozen=True)
class _Place:
    """The file and exposure of a declaration, for messages, and the models that it may name."""

    names: Names
    file: str
    exposure: str
    depends_on: tuple[str, ...]
    """Unique ids."""
    camel: bool

    def error(self, what: str, fix: str) -> SpecError:
        return SpecError(what, where=f"{self.file}, exposure {self.exposure}", fix=fix)


def read_collections(
    manifest: Manifest,
    *,
    database: str,
    select: Sequence[str] = (),
    state: Manifest | None = None,
    faults: dict[str, SpecError] | None = None,
) -> tuple[Collection, ...]:
    """Resolve every exposure with `meta.mongo`, or those that `select` chooses, in order of name.

    The collections of buckets come before the collection that they belong to. `database` is the default
    database. `state` is an earlier manifest, for `state:modified`. Raises `SpecError` for an exposure that
    cannot be published as declared. With `faults`, such an exposure is left out instead, and its error is
    added to `faults` under the exposure's name.
    """
    names = Names(manifest)
    chosen = selected(manifest, select, state=state)
    collections: list[Collection] = []
    for each in chosen:
        try:
            collections += _collections(each, names, database)
        except SpecError as error:
            if faults is None:
                raise
            faults[each.name] = error
    return tuple(_distinct(collections, faults))


def _distinct(collections: Sequence[Collection], faults: dict[str, SpecError] | None) -> Iterator[Collection]:
    """Yield the collections with an allowed name; raise for the others, or add them to `faults`."""
    seen: dict[tuple[str, str], str] = {}
    for each in collections:
        error = _target_fault(each, seen)
        if error is None:
            yield each
        elif faults is None:
            raise error
        else:
            faults[each.exposure] = error


def _target_fault(each: Collection, seen: dict[tuple[str, str], str]) -> SpecError | None:
    fault = name_fault(each.database, each.collection)
    if fault:
        return SpecError(
            f"collection {each.collection} {fault}", where=f"exposure {each.exposure}", fix="rename it"
        )
    if database_fault(each.database):
        return SpecError(
            f"database {each.database!r} is not allowed: {database_fault(each.database)}",
            where=f"exposure {each.exposure}",
            fix="rename it",
        )
    for (database, _), name in seen.items():
        if database != each.database and database.lower() == each.database.lower():
            return SpecError(
                f"databases {database} of {name} and {each.database} differ in case alone",
                where=f"exposure {each.exposure}",
                fix="spell them alike, MongoDB has not both",
            )
    other = seen.setdefault((each.database, each.collection), each.name)
    if other == each.name:
        return None
    return SpecError(
        f"exposures {other} and {each.name} both publish {each.database}.{each.collection}",
        where="manifest.json",
        fix="give one of them another collection name",
    )


def _collections(exposure: Exposure, names: Names, database: str) -> tuple[Collection, ...]:
    """Resolve one exposure into the collections of its buckets and then its own collection."""
    file = exposure.original_file_path
    where = f"{file}, exposure {exposure.name}"
    meta = exposure.meta["mongo"]
    if not isinstance(meta, dict):
        raise SpecError(
            f"meta.mongo {meta!r} is no mapping", where=where, fix="see docs/reference/declaration.md"
        )
    declared = parse_declaration(meta, where=where)
    place = _Place(names, file, exposure.name, exposure.depends_on.nodes, declared.field_case == "camel")
    root = _root(declared, place)
    collection = Collection(
        name=exposure.name,
        database=declared.database or database,
        collection=declared.collection or exposure.name,
        root=root,
        shard_key=() if declared.shard_key == "none" else tuple(declared.shard_key.items()),
        indexes=tuple(
            Index(tuple(each.keys.items()), each.model_dump(exclude={"keys"}, exclude_none=True))
            for each in declared.indexes
        ),
        drop_indexes=tuple(declared.drop_indexes),
        unknown_member=declared.unknown_member,
        chunks=declared.chunks,
        zones=_zones(declared, root, place),
        allow_empty=declared.allow_empty,
        max_delete_share=declared.max_delete_share,
        document_budget=declared.document_budget,
        node=exposure.unique_id,
        group=declared.all_or_none or "",
    )
    _check_paths(collection, place)
    parent = _camel(declared.key) if place.camel else declared.key
    resolved = (*bucket_collections(collection, declared, parent=parent), collection)
    for one in resolved:
        validator.check(one)
    return resolved


def _zones(declared: CollectionDeclaration, root: Level, place: _Place) -> tuple[ZoneRange, ...] | None:
    try:
        return zones.resolve(declared, root)
    except ValueError as error:
        raise place.error(str(error), "see zones in docs/reference/declaration.md") from None


def _root(declared: CollectionDeclaration, place: _Place) -> Level:
    node = _model(declared.root, place)
    key = _primary_key(node, place)
    if key != (declared.key,):
        raise place.error(
            f"root {declared.root} has primary key ({', '.join(key)}), not ({declared.key})",
            "declare the document key as the model's primary_key",
        )
    column = node.columns.get(declared.key)
    natural = natural_type(column.data_type or "") if column else None
    found = (column.data_type or "not typed") if column else "no column of the contract"
    if natural not in (BsonType.INT32, BsonType.INT64, BsonType.STRING) or "unsigned" in found.lower():
        raise place.error(f"key {declared.key} is {found}", "a document key is a signed integer or a string")
    member = declared.unknown_member
    if member is not None and isinstance(member, str) != (natural is BsonType.STRING):
        raise place.error(
            f"unknown_member {member!r} is not of the type of key {declared.key}", "give a key's value"
        )
    return _level(declared, node, key, place, name="", path="", ancestors=())


def _embedded(
    name: str, declared: EmbedDeclaration, parent: tuple[str, ...], place: _Place, *, above: str
) -> Level:
    node = _model(declared.model, place)
    key = _primary_key(node, place)
    if key[: len(parent)] != parent:
        raise place.error(
            f"embed {name}: primary key ({', '.join(key)}) of {declared.model} does not begin with "
            f"its parent's ({', '.join(parent)})",
            f"cluster {declared.model} by ({', '.join(parent)}, ...)",
        )
    if declared.embed and len(key) == len(parent):
        raise place.error(
            f"embed {name}: {declared.model} has no key below its parent's", "add its own key column"
        )
    for column in declared.order_by:
        _require_column(column, node, f"embed {name}: order_by", place)
    fault = policy_fault(name, declared, key=parent[0], below_root=len(parent) == 1)
    if fault:
        raise place.error(*fault)
    path = f"{above}.{name}" if above else name
    return _level(declared, node, key, place, name=name, path=path, ancestors=parent)


def _level(
    declared: LevelDeclaration,
    node: Node,
    key: tuple[str, ...],
    place: _Place,
    *,
    name: str,
    path: str,
    ancestors: tuple[str, ...],
) -> Level:
    fields = _fields(declared, node, key, place, ancestors=ancestors, root=not name)
    embed = declared if isinstance(declared, EmbedDeclaration) else None
    order_by = tuple(embed.order_by) if embed else ()
    children = tuple(_embedded(each, embed, key, place, above=path) for each, embed in declared.embed.items())
    names = [field.name for field in fields] + [child.name for child in children]
    repeated = next((each for each in names if names.count(each) > 1), None)
    if repeated:
        raise place.error(f"model {node.name}: two fields are named {repeated}", "rename or exclude one")
    for child in children:
        _require_same_keys(child, node, place)
    for each in names:
        if each.startswith("$") or "." in each or "\0" in each:
            raise place.error(
                f"model {node.name}: field name {each!r} has a character MongoDB reserves", "rename it"
            )
    return Level(
        name=name,
        model=place.names.label(node.unique_id),
        schema=node.schema_,
        table=node.alias,
        key=key,
        fields=fields,
        order_by=order_by,
        max_items=embed.max_items if embed else None,
        on_overflow=OnOverflow(embed.on_overflow) if embed else OnOverflow.FAIL,
        children=children,
        node=node.unique_id,
        path=path,
        hidden=_hidden(declared, node, key, order_by, fields, place),
    )


def _hidden(
    declared: LevelDeclaration,
    node: Node,
    key: tuple[str, ...],
    order_by: tuple[str, ...],
    fields: tuple[Field, ...],
    place: _Place,
) -> tuple[Field, ...]:
    """Return the columns that are read only to sort and merge."""
    written = {field.column for field in fields}
    names = dict.fromkeys(name for name in (*key, *order_by) if name not in written)
    columns = node.columns
    return tuple(
        _field(columns[name], node, declared, place, key=key, document_key=False)
        for name in names
        if natural_type(columns[name].data_type or "")
    )


def _require_same_keys(child: Level, parent: Node, place: _Place) -> None:
    """Require that the key columns of parent and child compare; `_primary_key` checked that they exist."""
    columns = {field.column: field for field in (*child.fields, *child.hidden)}
    for name in _primary_key(parent, place):
        theirs = (parent.columns[name].data_type or "").lower()
        ours = columns[name].data_type if name in columns else "of another type"
        if name not in columns or not compares(theirs, ours):
            raise place.error(
                f"embed {child.name}: key {name} is {ours} in {child.model} and {theirs} in {parent.name}",
                "give it one type in both models",
            )


def _fields(
    declared: LevelDeclaration,
    node: Node,
    key: tuple[str, ...],
    place: _Place,
    *,
    ancestors: tuple[str, ...],
    root: bool,
) -> tuple[Field, ...]:
    columns = node.columns
    for option, named in (
        ("exclude", declared.exclude),
        ("rename", declared.rename),
        ("types", declared.types),
        ("coerce", [name for name in declared.coerce if name != EVERY]),
    ):
        for column in named:
            _require_column(column, node, option, place)
    if root and set(key) & {*declared.exclude, *declared.rename}:
        raise place.error(f"key {key[0]} is excluded or renamed", "leave it; it becomes _id")
    ordered = [*key, *columns] if root else [*columns]
    kept = dict.fromkeys(name for name in ordered if name not in {*declared.exclude, *ancestors})
    return tuple(
        _field(columns[name], node, declared, place, key=key, document_key=root and name in key)
        for name in kept
    )


def _field(
    column: Column,
    node: Node,
    declared: LevelDeclaration,
    place: _Place,
    *,
    key: tuple[str, ...],
    document_key: bool,
) -> Field:
    data_type = (column.data_type or "").lower()
    constraints = {each.type for each in column.constraints}
    name = declared.rename.get(column.name) or (_camel(column.name) if place.camel else column.name)
    kind = _type(column.name, data_type, declared.types.get(column.name), node, place)
    coerce = _coercions(column.name, kind, declared, node, place, is_key=column.name in key)
    is_required = column.name in key or bool(constraints & {"not_null", "primary_key"})
    return Field(
        column=column.name,
        name="_id" if document_key else name,
        type=kind,
        data_type=data_type,
        nullable=Coercion.MISSING in coerce or not is_required,
        keep_null=declared.nulls == "keep",
        coerce=coerce,
    )


def _coercions(
    column: str, kind: BsonType, declared: LevelDeclaration, node: Node, place: _Place, *, is_key: bool
) -> tuple[Coercion, ...]:
    """Return the declared coercions of a column: its own entry, or else the entry for all dates."""
    named = declared.coerce.get(column)
    if named is not None and (is_key or kind is not BsonType.DATE):
        raise place.error(
            f"coerce: column {column} of {node.name} is {'part of the key' if is_key else 'no date'}",
            "cast it in the mart" if is_key else "name date and datetime columns only",
        )
    chosen = named if named is not None else declared.coerce.get(EVERY, [])
    if is_key or kind is not BsonType.DATE:
        return ()
    return tuple(map(Coercion, [chosen] if isinstance(chosen, str) else chosen))


def _type(column: str, data_type: str, declared: str | None, node: Node, place: _Place) -> BsonType:
    try:
        return bson_type(data_type, declared)
    except ValueError as error:
        raise place.error(f"model {node.name}, column {column}: {error}", "cast it in the mart") from None


def _camel(column: str) -> str:
    head, *tail = column.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def _model(name: str, place: _Place) -> Node:
    node = place.names.find(name, place.depends_on)
    if isinstance(node, tuple):
        raise place.error(*node)
    materialized = node.config.materialized
    if materialized in ("view", "ephemeral"):
        raise place.error(f"model {name} is materialized as {materialized}", "materialize it as a table")
    if not node.columns or not node.config.contract.enforced:
        raise place.error(f"model {name} has no enforced contract", "declare its columns and data types")
    return node


def _primary_key(node: Node, place: _Place) -> tuple[str, ...]:
    key = node.config.primary_key
    columns = (key,) if isinstance(key, str) else tuple(key) if isinstance(key, list) else ()
    if not columns:
        raise place.error(f"model {node.name} has no primary_key", "add the primary_key config")
    for column in columns:
        _require_column(column, node, "primary_key", place)
    return columns


def _require_column(column: str, node: Node, option: str, place: _Place) -> None:
    if column not in node.columns:
        raise place.error(
            f"{option}: model {node.name} has no column {column}",
            f"its columns are: {', '.join(node.columns)}",
        )


def _check_paths(collection: Collection, place: _Place) -> None:
    """Require that the shard key and the indexes name fields of the documents."""
    paths = set(_paths(collection.root, ""))
    used = [("shard_key", path) for path, _ in collection.shard_key]
    used += [(f"index {index.name}", path) for index in collection.indexes for path, _ in index.keys]
    for option, path in used:
        if path not in paths:
            raise place.error(
                f"{option}: no field {path}", f"fields are: {', '.join(sorted(paths, key=_by_depth))}"
            )


def _by_depth(path: str) -> tuple[int, str]:
    return path.count("."), path


def _paths(level: Level, prefix: str) -> list[str]:
    paths = [prefix + field.name for field in level.fields]
    for child in level.children:
        paths += [prefix + child.name, *_paths(child, f"{prefix}{child.name}.")]
    return paths
