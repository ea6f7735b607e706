"""Checks that a contender did its work: the documents of the peers, the counts of the loads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from pymongo import MongoClient

from benchmarks import contenders
from benchmarks.flat_rows import PREFIX
from benchmarks.setting import TABLES, Setting
from pos_sandbox.mariadb import connect

SAMPLE = 200
NESTING: Mapping[str, tuple[str, bool]] = {
    **{name: ("steps", True) for name in contenders.CONTENDERS if name.startswith("documents, ")},
    "script by hand": ("by_hand", True),
    "script with upserts": ("upserts", True),
    "script, tuned, 2 processes": ("tuned", True),
    "JSON_ARRAYAGG script": ("json", False),
    contenders.CONNECTOR: ("spark", True),
    contenders.PYMONGO: ("spark", True),
    **{name: ("raw", False) for name in contenders.CONTENDERS if name.startswith("raw insert")},
}
"""The peers that write the documents of a load, their collections, and whether every document must be equal.

JSON has no decimals and dates; a raw insert sends what the loader published before 1% changed.
"""


def left(name: str, setting: Setting) -> None:
    """Raise `SystemExit` when a peer's documents or rows differ from ours."""
    if name in NESTING:
        collection, exact = NESTING[name]
        _agree(f"{name}: totals", *(_totals(setting, each) for each in (setting.collection, collection)))
        if exact:
            _agree(f"{name}: sample", *_samples(setting, collection))
    elif name == contenders.FLAT:
        _agree(f"{name}: rows", *_rows(setting))


def loaded(name: str, setting: Setting, changed: int) -> None:
    """Raise `SystemExit` when, by its results, a load wrote anything else than it had to."""
    asked: Mapping[str, Callable[[int], dict[str, int]]] = {
        "load --full-refresh": lambda all_: {"inserted": 0, "replaced": all_, "unchanged": 0, "deleted": 0},
        "load, nothing changed": lambda all_: {"inserted": 0, "replaced": 0, "unchanged": all_, "deleted": 0},
        contenders.CHANGED: lambda all_: {
            "inserted": 0, "replaced": changed, "unchanged": all_ - changed, "deleted": 0
        },
    }  # fmt: skip
    if name in asked:
        results = json.loads((Path(setting.artifacts) / "load_results.json").read_text())
        (did,) = results["collections"]
        wanted = asked[name](did["documents"])
        _agree(f"{name}: documents", wanted, {key: did[key] for key in wanted})


def change(setting: Setting, turn: int) -> int:
    """Change one customer in a hundred, other customers each turn; return how many."""
    with connect(port=setting.mariadb_port) as connection:
        cursor = connection.cursor()
        cursor.execute(f"select count(*) from `{setting.schema}`.dim_customers")
        count = max(1, cursor.fetchone()[0] // 100)
        cursor.execute(f"select distinct customer_id from `{setting.schema}`.fct_orders")
        keys = sorted(key for (key,) in cursor.fetchall())
        chosen = Random(turn).sample(keys, min(count, len(keys)))  # noqa: S311 - nothing secret
        cursor.execute(
            f"update `{setting.schema}`.fct_order_lines set quantity = quantity + 1 "
            f"where line_number = 1 and customer_id in ({', '.join(map(str, chosen))})"
        )
    return len(chosen)


def _agree(what: str, ours: object, theirs: object) -> None:
    if ours != theirs:
        raise SystemExit(f"benchmarks: error: {what} differ: {str(ours)[:300]} and {str(theirs)[:300]}")


def _totals(setting: Setting, collection: str) -> tuple[Any, ...]:
    """Documents, orders, lines and the sum of line totals, to the cent."""
    of_orders = {"lines": {"$size": "$$this.lines"}, "total": {"$sum": "$$this.lines.lineTotal"}}
    sums: dict[str, Any] = {
        name: {"$sum": {"$sum": {"$map": {"input": "$orders", "in": each}}}}
        for name, each in of_orders.items()
    }
    counts = {"documents": {"$sum": 1}, "orders": {"$sum": {"$size": "$orders"}}}
    stages = [{"$group": {"_id": None, **counts, **sums}}]
    with MongoClient[dict[str, Any]](setting.mongo_uri) as client:
        found = next(client[setting.database][collection].aggregate(stages), {})
    return (*(found.get(name) for name in (*counts, "lines")), round(float(str(found.get("total", 0))), 2))


def _samples(setting: Setting, collection: str) -> tuple[Any, Any]:
    with MongoClient[dict[str, Any]](setting.mongo_uri) as client:
        home = client[setting.database]
        keys = [each["_id"] for each in home[setting.collection].aggregate([{"$sample": {"size": SAMPLE}}])]
        ours, theirs = (
            {each["_id"]: each for each in home[name].find({"_id": {"$in": keys}})}
            for name in (setting.collection, collection)
        )
    return ours, theirs


def _rows(setting: Setting) -> tuple[dict[str, int], dict[str, int]]:
    with connect(port=setting.mariadb_port) as connection, MongoClient[Any](setting.mongo_uri) as client:
        cursor, ours = connection.cursor(), {}
        for table in TABLES:
            cursor.execute(f"select count(*) from `{setting.schema}`.`{table}`")
            ours[table] = cursor.fetchone()[0]
        home = client[setting.database]
        return ours, {table: home[f"{PREFIX}{table}"].count_documents({}) for table in TABLES}
