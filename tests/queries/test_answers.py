"""Each query gives the same answer as its dbt analysis in MariaDB, with the declared index and shards."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.queries.conftest import QUERIES, Published
from tests.warehouse import PROJECT, Warehouse

Values = Mapping[str, object]
VALUES: Mapping[str, Values] = {
    "defaults": {},
    "others": {
        **{"customer_id": 0, "product_id": 20, "city": "brisbane", "state": "ca", "top": 3},
        **{"segment": "Loyal", "abc_class": "C", "minimum_total": 1500.5, "since": "2023-07-01"},
        **{"first_month": "2023-06", "last_month": "2023-11"},
    },
    "odd": {
        # No orders; no price; ranks beyond the last; values that need escaping and match nothing.
        **{"customer_id": 12, "product_id": 8, "city": "Côte d'Ivoire\\", "state": "$state", "top": 500},
        **{"segment": "Never ordered", "abc_class": "B", "minimum_total": -7, "since": "2030-01-01"},
        **{"first_month": "1999-12"},
    },
}
EMPTY = {
    "odd": {"orders-of-customer", "products-of-customer", "customers-in-city", "customers-in-state"}
    | {"products-in-city", "recall"}
}


@pytest.fixture(scope="module", params=VALUES)
def case(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def compiled(case: str, sample_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the analyses, compiled with the case's values."""
    apart = replace(sample_warehouse, target_path=tmp_path_factory.mktemp("compiled"), variables=VALUES[case])
    apart.dbt("compile", "--select", "resource_type:analysis")
    return apart.target_path / "compiled" / "pos" / "analyses"


def spelled(value: Any) -> Any:
    """A value of MariaDB as the command spells it."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return f"{value.isoformat(timespec='seconds')}Z" if isinstance(value, datetime) else value


def camel(column: str) -> str:
    return re.sub("_(.)", lambda found: found[1].upper(), column)


def ask_mariadb(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    connection = warehouse.connect()
    try:
        cursor = connection.cursor(dictionary=True)
        cursor.execute(sql)
        return [{camel(name): spelled(value) for name, value in row.items()} for row in cursor.fetchall()]
    finally:
        connection.close()


@pytest.mark.parametrize("name", QUERIES)
def test_mongodb_and_mariadb_give_the_same_answer(
    name: str, case: str, published: Published, compiled: Path, sample_warehouse: Warehouse
) -> None:
    finished = published.answer(name, VALUES[case])
    assert (finished.code, finished.stderr) == (0, "")
    found = [json.loads(line) for line in finished.stdout.splitlines()]
    expected = ask_mariadb(sample_warehouse, (compiled / f"{QUERIES[name].sql}.sql").read_text())
    assert found == expected
    assert [[*each] for each in found[:1]] == [[*each] for each in expected[:1]], "columns in their order"
    assert bool(found) is (name not in EMPTY.get(case, ()))


@pytest.mark.parametrize("name", QUERIES)
def test_explain_shows_the_declared_index_and_shards(name: str, case: str, published: Published) -> None:
    query = QUERIES[name]
    shown = published.answer(name, VALUES[case], "--explain", "--json").json
    namespace = f"{published.documents.name}.{query.collection}"
    assert (shown["query"], shown["collection"]) == (name, namespace)
    assert shown["indexes"] == [query.index]
    assert shown["shards"] > 1
    touched = 1 if query.shards == "one" else shown["shards"]
    assert shown["shards_touched"] == len(shown["by_shard"]) == touched
    examined = sum(each["documents_examined"] for each in shown["by_shard"])
    if query.scan:
        assert examined == published.documents[query.collection].count_documents({})
    else:
        assert shown["documents_examined_per_returned"] <= 1
    assert shown["keys_examined_per_returned"] <= 2
    assert examined or case == "odd"


def test_names_of_cities_compare_without_case_and_with_accents(published: Published) -> None:
    def customers(city: str) -> list[str]:
        found: list[str] = published.answer("customers-in-city", {"city": city}).stdout.splitlines()
        return found

    assert customers("Houston") == customers("HOUSTON") == customers("hOUSTON") != []
    assert customers("århus") != []
    assert customers("Arhus") == []


def test_equal_values_share_a_rank_and_come_in_the_order_of_their_keys(published: Published) -> None:
    for name, collection, field, direction, rank, key in (
        ("vip-customers", "customer_segments", "lifetimeRevenue", -1, "revenueRank", "customerId"),
        ("least-sold-products", "product_sales", "totalUnits", 1, "leastSoldRank", "productId"),
    ):
        answered = published.answer(name, {"top": 500}).stdout.splitlines()
        shown = [(row[rank], row[key]) for row in map(json.loads, answered)]
        unranked = {} if name == "vip-customers" else {"isKnownProduct": True}
        found = published.documents[collection].find(unranked, sort=[(field, direction), ("_id", 1)])
        values = [(str(each[field]), each["_id"]) for each in found]
        first = {value: place for place, (value, _) in reversed([*enumerate(values, 1)])}
        assert shown == [(first[value], each) for value, each in values]
        assert len(first) < len(values), "there are ties"


def test_every_declared_index_is_used_by_a_query() -> None:
    files = (PROJECT / "models" / "marts").rglob("*__exposures.yml")
    declared = {
        (each["name"], "_".join(f"{field}_{kind}" for field, kind in index["keys"].items()))
        for path in files
        for each in yaml.safe_load(path.read_text())["exposures"]
        for index in each["config"]["meta"]["mongo"].get("indexes", ())
    }
    assert len(declared) > 5
    assert declared - {(query.collection, query.index) for query in QUERIES.values()} == set()


def test_every_collection_is_asked_and_every_analysis_is_there(published: Published) -> None:
    collections = {each["name"] for each in published.load["collections"]}
    assert {query.collection for query in QUERIES.values()} == collections
    analyses = {path.stem for path in (PROJECT / "analyses").glob("*.sql")}
    assert {query.sql for query in QUERIES.values()} <= analyses


def test_all_collections_are_published_verified_and_in_step(published: Published) -> None:
    assert len(published.load["collections"]) >= 6
    verified = published.loader.done("verify", "--json").json["collections"]
    assert [each["name"] for each in verified] == [each["name"] for each in published.load["collections"]]
    assert all(each["documents"] > 0 and not each["differences"] for each in verified)
    assert published.loader.run("plan").code == 0
