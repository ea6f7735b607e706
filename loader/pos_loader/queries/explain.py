"""How MongoDB answers a question: shards, indexes, keys and documents examined.

Source: https://www.mongodb.com/docs/manual/reference/explain-results/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any

from pos_loader.queries.declared import Question
from pos_loader.servers.mongo import Client, Handle, require_published, translated
from pos_loader.servers.mongo_client import Topology

HEADS = ("shard", "index", "keys examined", "documents examined", "documents returned", "ms")
SCAN = "none"
"""Shown as the index of a collection scan."""
BY_ID = ("IDHACK", "EXPRESS_IXSCAN", "CLUSTERED_IXSCAN")
"""Stages that look up `_id` without naming an index."""


@dataclass(frozen=True)
class ShardPlan:
    """What one shard did; `returned` counts the documents found, before they are unwound or grouped."""

    shard: str
    indexes: tuple[str, ...]
    keys_examined: int
    documents_examined: int
    returned: int
    milliseconds: int


@dataclass(frozen=True)
class Explanation:
    """What the whole cluster did."""

    query: str
    namespace: str
    plans: tuple[ShardPlan, ...]
    shards: int
    """How many shards the cluster has; 1 for a server that is no cluster."""
    milliseconds: float

    @property
    def indexes(self) -> tuple[str, ...]:
        """List the indexes that the shards used."""
        return tuple(sorted({name for plan in self.plans for name in plan.indexes}))

    @property
    def documents_per_returned(self) -> float:
        """Return how many documents were examined per document found; 0 if none was examined."""
        examined = sum(plan.documents_examined for plan in self.plans)
        return examined / max(1, sum(plan.returned for plan in self.plans))

    @property
    def keys_per_returned(self) -> float:
        """Return how many index keys were examined per document found."""
        examined = sum(plan.keys_examined for plan in self.plans)
        return examined / max(1, sum(plan.returned for plan in self.plans))


def explain(client: Client, database: str, question: Question, *, topology: Topology) -> Explanation:
    """Let MongoDB answer the question and explain how.

    Raises `DataError` where the collection is not published or MongoDB refuses the query.
    """
    command = {
        "aggregate": question.collection,
        "pipeline": list(question.pipeline),
        "cursor": {},
        **({"collation": dict(question.collation)} if question.collation else {}),
    }
    with translated(client, f"explain {question.name}"):
        require_published(client[database], question.collection)
        started = monotonic()
        found = client[database].command({"explain": command, "verbosity": "executionStats"})
        alone = "" if "shards" in found else _home(client[database][question.collection])
    return Explanation(
        query=question.name,
        namespace=f"{database}.{question.collection}",
        plans=tuple(_plans(found, alone)),
        shards=max(1, len(topology.shards)),
        milliseconds=round((monotonic() - started) * 1000, 1),
    )


def _home(handle: Handle) -> str:
    """Name the shard of an unsharded collection, which explain does not; empty outside of a cluster."""
    return next((row.get("shard", "") for row in handle.aggregate([{"$collStats": {"count": {}}}])), "")


def _plans(explained: Mapping[str, Any], alone: str) -> Iterator[ShardPlan]:
    for shard, part in sorted(_by_shard(explained, alone).items()):
        planned, run = _cursor(part)
        yield ShardPlan(
            shard=shard,
            indexes=tuple(sorted(set(_indexes(planned.get("winningPlan", planned))))) or (SCAN,),
            keys_examined=run["totalKeysExamined"],
            documents_examined=run["totalDocsExamined"],
            returned=run["nReturned"],
            milliseconds=run["executionTimeMillis"],
        )


def _by_shard(explained: Mapping[str, Any], alone: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the part of each shard; an answer of one server has one part, of the shard `alone`."""
    shards = explained.get("shards")
    return shards if isinstance(shards, Mapping) else {alone: explained}


def _cursor(part: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the plan and the figures of the stage that reads; other stages may follow it."""
    reading = part["stages"][0]["$cursor"] if "stages" in part else part
    return reading["queryPlanner"], reading["executionStats"]


def _indexes(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if node.get("stage") in BY_ID:
            yield "_id_"
        elif isinstance(node.get("indexName"), str):
            yield node["indexName"]
        for child in node.values():
            yield from _indexes(child)
    elif isinstance(node, list):
        for child in node:
            yield from _indexes(child)


TOTAL_HEADS = ("query", "collection", "shards", "index", "keys per returned", "documents per returned", "ms")


def total_row(explanation: Explanation) -> tuple[str, ...]:
    """Spell the whole as a table row under `TOTAL_HEADS`."""
    return (
        explanation.query,
        explanation.namespace,
        f"{len(explanation.plans)} of {explanation.shards}",
        ", ".join(explanation.indexes),
        f"{explanation.keys_per_returned:.2f}",
        f"{explanation.documents_per_returned:.2f}",
        f"{explanation.milliseconds:.1f}",
    )


def shard_row(plan: ShardPlan) -> tuple[str, ...]:
    """Spell one shard's part as a table row under `HEADS`."""
    figures = (plan.keys_examined, plan.documents_examined, plan.returned, plan.milliseconds)
    return plan.shard, ", ".join(plan.indexes), *(f"{figure:,}" for figure in figures)


def as_json(explanation: Explanation) -> dict[str, Any]:
    """Spell the whole as JSON values."""
    return {
        "query": explanation.query,
        "collection": explanation.namespace,
        "shards_touched": len(explanation.plans),
        "shards": explanation.shards,
        "indexes": list(explanation.indexes),
        "keys_examined_per_returned": explanation.keys_per_returned,
        "documents_examined_per_returned": explanation.documents_per_returned,
        "milliseconds": explanation.milliseconds,
        "by_shard": [asdict(plan) for plan in explanation.plans],
    }
