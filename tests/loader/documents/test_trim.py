"""Size policies give the same documents as dicts that are cut and grouped with loops."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_loader.collection import Collection, Documents, Level, OnOverflow
from pos_loader.declaration.grammar import CollectionDeclaration, EmbedDeclaration
from pos_loader.declaration.overflow import bucket_collections, name_fault, policy_fault
from pos_loader.documents.nest import nest
from pos_loader.publish.builds import build_name
from tests.loader.strategies import (
    Nested,
    collection_of,
    examples,
    expected,
    key_of,
    nested,
    same_bytes,
    sortable,
)

PARENT = "parentKey"
OVERFLOW = {"on_overflow": "overflow", "max_items": 1, "order_by": ["a"]}
Items = list[dict[str, Any]]


@dataclass(frozen=True)
class Limited:
    """Drawn tables whose arrays have size policies, their collections, and the expected documents."""

    drawn: Nested
    buckets: tuple[Collection, ...]

    def items(self, level: Level, parent: Level, row: Any) -> tuple[Items, Items]:
        """Split the items of one array into those its document keeps and those it does not, oldest first."""
        mine = [other for other in self.drawn.rows[level] if key_of(parent, other) == key_of(parent, row)]
        mine.sort(key=lambda other: [sortable(other[name][0]) for name in (*level.order_by, *level.key)])
        items = [self.document(level, other) for other in mine]
        fits = level.on_overflow is OnOverflow.FAIL or level.max_items is None
        cut = 0 if fits or level.max_items is None else max(0, len(items) - level.max_items)
        return items[cut:], items[:cut]

    def document(self, level: Level, row: Any) -> dict[str, Any]:
        arrays = {child.name: self.items(child, level, row)[0] for child in level.children}
        return {**expected(level.fields, row), **arrays}

    def documents(self) -> Items:
        root = self.drawn.collection.root
        return [self.document(root, row) for row in self.drawn.rows[root]]

    def bucket_documents(self, buckets: Collection) -> Items:
        root, found = self.drawn.collection.root, []
        assert buckets.buckets is not None
        size = buckets.buckets.items
        for row in self.drawn.rows[root]:
            _, rest = self.items(buckets.root, root, row)
            for number in range(-(-len(rest) // size)):
                key = {PARENT: row[root.key[0]][1], "bucket": number}
                found.append({"_id": key, buckets.root.name: rest[number * size : (number + 1) * size]})
        return found


@st.composite
def limited(draw: st.DrawFn) -> Limited:
    """Draw tables, and a policy for every array."""
    drawn = draw(nested())
    rows: dict[Level, Any] = {}
    types: dict[Level, dict[str, pa.DataType]] = {}
    declared: dict[str, Any] = {}

    def limit(level: Level, depth: int) -> Level:
        policies = [*OnOverflow][: 3 if depth == 1 else 2]
        policy, most = draw(st.sampled_from(policies)), draw(st.integers(1, 3))
        mine = replace(level, children=tuple(limit(child, depth + 1) for child in level.children))
        if depth and policy is not OnOverflow.FAIL:
            mine = replace(mine, max_items=most, on_overflow=policy)
        if mine.on_overflow is OnOverflow.OVERFLOW:
            declared[level.name] = {
                "model": level.model,
                "overflow": {"bucket_items": draw(st.integers(1, 2))},
            }
        rows[mine], types[mine] = drawn.rows[level], drawn.types[level]
        return mine

    root = limit(drawn.collection.root, 0)
    collection = collection_of(root)
    declaration = CollectionDeclaration.model_validate(
        {"root": "r", "key": "k", "shard_key": "none", "embed": declared}
    )
    buckets = tuple(bucket_collections(collection, declaration, parent=PARENT))
    return Limited(Nested(collection, rows, types), buckets)


def embedded(level: Level, documents: Items, counts: Counter[str]) -> Counter[str]:
    """Count the items of every level in documents, by path."""
    for child in level.children:
        items = [item for document in documents for item in document[child.name]]
        counts[child.path] += len(items)
        embedded(child, items, counts)
    return counts


def account(found: Documents) -> Counter[str]:
    return Counter(found.rows) + Counter(found.left_out) + Counter(found.elsewhere)


@given(limited(), st.integers(1, 2))
@examples(80)
def test_arrays_keep_the_newest_and_buckets_take_the_rest_in_order(case: Limited, chunks: int) -> None:
    drawn = case.drawn
    tables = drawn.tables(chunks=chunks)
    read = Counter({level.path: len(rows) for level, rows in drawn.rows.items()})
    found, oracle = nest(drawn.collection, tables), case.documents()
    same_bytes(found.bson, oracle)
    root = drawn.collection.root
    nested_rows = embedded(root, oracle, Counter({root.path: len(oracle)}))
    assert Counter(found.rows) == +nested_rows
    assert account(found) == +read
    bucketed = {}
    for buckets in case.buckets:
        below = {level: tables[level] for level in buckets.root.walk()}
        rest, oracle = nest(buckets, below), case.bucket_documents(buckets)
        same_bytes(rest.bson, oracle)
        assert rest.keys.to_pylist() == [each["_id"] for each in oracle]
        assert Counter(rest.rows) == +embedded(buckets.document, oracle, Counter())
        assert account(rest) == Counter(
            {level.path: len(drawn.rows[level]) for level in below if len(drawn.rows[level])}
        )
        bucketed[buckets.root.path] = rest
    for level in root.children:
        if level.path in bucketed:
            assert found.elsewhere.get(level.path, 0) == bucketed[level.path].rows.get(level.path, 0)


@pytest.mark.parametrize(
    ("declared", "key", "below_root", "fault"),
    [
        ({"on_overflow": "newest", "order_by": ["a"]}, "k", True, "on_overflow newest without max_items"),
        ({"on_overflow": "overflow", "max_items": 1}, "k", True, "on_overflow overflow without order_by"),
        ({**OVERFLOW}, "k", False, "on_overflow overflow inside another array"),
        ({**OVERFLOW}, "bucket", True, "a bucket's _id has a bucket beside the key"),
        ({"max_items": 1, "overflow": {}}, "k", True, "overflow with on_overflow fail"),
        ({**OVERFLOW, "overflow": {"bucket_items": 2}}, "k", True, ""),
        ({"max_items": 1}, "k", False, ""),
    ],
)
def test_what_a_policy_needs(declared: dict[str, Any], key: str, below_root: bool, fault: str) -> None:
    embed = EmbedDeclaration.model_validate({"model": "orders", **declared})
    found = policy_fault("orders", embed, key=key, below_root=below_root)
    assert (found[0] if found else "") == (f"embed orders: {fault}" if fault else "")


def test_a_collection_cannot_be_called_as_a_build_is() -> None:
    assert name_fault("shop", build_name("orders", "6b0306ff83d32b0f"))
    assert not name_fault("shop", "orders_build_overflow")
