"""Arrays that outgrow their document: the policies that may be declared, and the collection of buckets.

The newest items stay in the document, where applications look first. The older items go to buckets, which are
numbered from the oldest on; so a new item changes only the last bucket. A bucket's `_id` is a sub-document of
the parent's key and the bucket's number. Buckets therefore sort by parent and number, a range of parents is a
range of buckets, and the hashed parent key keeps all buckets of one parent on one shard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from pos_loader.collection import BUCKET_FIELD, Buckets, Collection, Field, Index, Level, OnOverflow
from pos_loader.declaration.grammar import CollectionDeclaration, EmbedDeclaration, OverflowDeclaration

OWN = "pos_loader_"
_BUILD = re.compile(r"__build_[0-9a-z]+$")
LONGEST_NAMESPACE, BUILD_SUFFIX = 235, 24
"""Bytes of `database.collection` where it is sharded, and those that a build collection's name has beyond."""


def policy_fault(
    name: str, declared: EmbedDeclaration, *, key: str, below_root: bool
) -> tuple[str, str] | None:
    """Say what is wrong with an array's size policy, and how to correct it; None if nothing is wrong.

    `key` is the document key's column.
    """
    policy = declared.on_overflow
    if policy != "fail" and declared.max_items is None:
        return f"embed {name}: on_overflow {policy} without max_items", "declare max_items"
    if policy != "fail" and not declared.order_by:
        return f"embed {name}: on_overflow {policy} without order_by", "declare what makes an item newer"
    if policy == "overflow" and key == BUCKET_FIELD:
        return f"embed {name}: a bucket's _id has a {BUCKET_FIELD} beside the key", "name the key otherwise"
    if policy == "overflow" and not below_root:
        return f"embed {name}: on_overflow overflow inside another array", "allowed here: fail, newest"
    if declared.overflow and policy != "overflow":
        return f"embed {name}: overflow with on_overflow {policy}", "declare on_overflow: overflow"
    return None


def name_fault(database: str, collection: str) -> str:
    """Say why neither MongoDB nor the loader accepts this collection name; empty if both accept it.

    Source: https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
    """
    if collection.startswith(OWN):
        return "begins as the loader's own collections do"
    if _BUILD.search(collection):
        return "ends as the loader's build collections do"
    if not collection or re.search(r"[$\0]|^\.|\.$|\.\.", collection):
        return "has a character, or a dot in a place, that MongoDB does not allow"
    if collection.startswith("system."):
        return "begins as MongoDB's own collections do"
    length = len(f"{database}.{collection}".encode())
    if length > LONGEST_NAMESPACE - BUILD_SUFFIX:
        return f"is too long: with its database {length} bytes, of at most {LONGEST_NAMESPACE - BUILD_SUFFIX}"
    return ""


def bucket_collections(
    main: Collection, declared: CollectionDeclaration, *, parent: str
) -> Iterator[Collection]:
    """Yield the collection of buckets of each array of `main`; `parent` is the key's name in `_id`."""
    (key,) = (field for field in main.root.fields if field.name == "_id")
    for level in main.root.children:
        if level.on_overflow is OnOverflow.OVERFLOW:
            options = declared.embed[level.name].overflow or OverflowDeclaration()
            yield _buckets(main, level, replace(key, name=parent), options)


def _buckets(main: Collection, level: Level, parent: Field, options: OverflowDeclaration) -> Collection:
    assert level.max_items is not None  # noqa: S101 - policy_fault requires it
    return replace(
        main,
        name=f"{main.name}.{level.name}",
        collection=options.collection or f"{main.collection}_{level.name}_overflow",
        root=level,
        zones=None,
        shard_key=((f"_id.{parent.name}", "hashed"),) if main.shard_key else (),
        indexes=tuple(index for index in main.indexes if _is_within(index, level.name)),
        # Every new item changes which items overflow; that is no loss to guard against.
        max_delete_share=1.0,
        buckets=Buckets(main.name, parent, options.bucket_items or level.max_items),
    )


def _is_within(index: Index, array: str) -> bool:
    """Whether all fields of an index are in the array, so that the buckets get the index too."""
    within = all(path == array or path.startswith(f"{array}.") for path, _ in index.keys)
    return within and not index.unique and "partialFilterExpression" not in index.options
