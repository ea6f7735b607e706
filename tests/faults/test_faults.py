"""Loads are killed at random moments and readers read during publishes; only published states are seen."""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from pos_sandbox.cluster import Endpoints
from tests.faults.builds import moved_on_copy
from tests.faults.kill_loads import kill_loads
from tests.faults.reader import RETRYABLE
from tests.loader.running import Documents, Loader, connect
from tests.warehouse import Warehouse

KILLS = int(os.environ.get("POS_TEST_KILLS", "20"))
PUBLISHES = int(os.environ.get("POS_TEST_PUBLISHES", "10"))
CUSTOMERS = "customer_order_history"


@pytest.fixture(scope="module")
def loaders(
    sample_warehouse: Warehouse,
    servers: Endpoints,
    database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Loader, Loader]:
    """Loaders of two builds into one database."""
    loader = Loader(sample_warehouse, servers.mongo_uri, database)
    moved_on = moved_on_copy(servers, tmp_path_factory.mktemp("moved_on"), "test_moved_on")
    return loader, replace(loader, warehouse=moved_on)


@pytest.mark.timeout(3600)
def test_loads_killed_at_random_moments(loaders: tuple[Loader, Loader]) -> None:
    report = kill_loads(*loaders, count=KILLS, seed=20)
    assert report.kills.total() == KILLS
    assert any("build" in kind for kind in report.kills), report


@dataclass
class Answers:
    """What one reader got: answers by query, retryable errors by name, everything else."""

    found: dict[str, set[Any]] = field(default_factory=dict)
    reads: int = 0
    retried: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def ask(documents: Documents) -> dict[str, Any]:
    """The questions of an application: each answer is of one build or the other."""
    customers = documents[CUSTOMERS]
    in_state: list[dict[str, Any]] = [
        {"$match": {"state": "TX"}},
        {"$group": {"_id": "$city", "revenue": {"$sum": "$lifetimeRevenue"}}},
        {"$sort": {"_id": 1}},
    ]
    per_product: list[dict[str, Any]] = [
        {"$unwind": "$orders"},
        {"$unwind": "$orders.lines"},
        {"$group": {"_id": "$orders.lines.productId", "units": {"$sum": "$orders.lines.quantity"}}},
        {"$sort": {"units": -1, "_id": 1}},
        {"$limit": 5},
    ]
    return {
        "count": customers.count_documents({}),
        "one customer": str(customers.find_one({"_id": 19})),
        "customers who left": customers.count_documents({"_id": {"$in": [11, 12, 13, 14]}}),
        "revenue by city": str(list(customers.aggregate(in_state))),
        "best sellers": str(list(customers.aggregate(per_product))),
        "all customers": len(list(customers.find({}, {"firstName": 1}, batch_size=50))),
    }


def keep_asking(uri: str, database: str, stop: threading.Event, answers: Answers) -> None:
    with connect(uri) as client:
        while not stop.wait(0.1):  # without a pause two readers take most of a small machine from the loads
            try:
                for query, answer in ask(client[database]).items():
                    answers.found.setdefault(query, set()).add(answer)
                    answers.reads += 1
            except OperationFailure as error:
                if error.code in RETRYABLE:
                    answers.retried[RETRYABLE[error.code]] += 1
                else:
                    answers.faults.append(str(error))
            except Exception as error:
                answers.faults.append(repr(error))


@pytest.mark.timeout(3600)
def test_readers_during_publishes_see_the_old_or_the_new(loaders: tuple[Loader, Loader], client: Any) -> None:
    first, second = loaders
    select = ("--select", CUSTOMERS)
    expected = []
    for loader in loaders:
        loader.done("load", *select)
        expected.append(ask(client[loader.database]))
    stop, readers = threading.Event(), [Answers(), Answers()]
    threads = [
        threading.Thread(target=keep_asking, args=(first.mongo_uri, first.database, stop, each))
        for each in readers
    ]
    for thread in threads:
        thread.start()
    try:
        for number in range(PUBLISHES):
            (first, second)[number % 2].done("load", "--full-refresh", *select)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for answers in readers:
        assert answers.faults == []
        assert answers.reads > 5 * PUBLISHES
        assert answers.retried.total() <= 3 * PUBLISHES
        for query, found in answers.found.items():
            assert found <= {each[query] for each in expected}, query
            assert len(found) == 2, query
