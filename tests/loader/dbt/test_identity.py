"""One name, one node: what a declaration names, what the gate judges and what is published are the same."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pos_loader.dbt import gate, schema
from pos_loader.dbt.artifacts import models_of
from pos_loader.declaration.spec import read_collections
from pos_loader.errors import SpecError
from pos_sandbox.cluster import Endpoints
from tests.faults.shop import MARTS, Shop, shop
from tests.loader.handmade import NAME
from tests.loader.manifests import Manifest, changed, declaration, exposure

pytestmark = pytest.mark.native

CUSTOMERS = "exposure.pos.customer_order_history"
V1, V2, ELSEWHERE = "model.pos.fct_orders.v1", "model.pos.fct_orders.v2", "model.other.fct_orders"


def twin(content: Manifest, unique_id: str, **changes: Any) -> None:
    """Add another node of the name fct_orders."""
    node = copy.deepcopy(content["nodes"]["model.pos.fct_orders"])
    content["nodes"][unique_id] = {**node, "unique_id": unique_id, **changes}


def versions(content: Manifest) -> None:
    """Make fct_orders a model of two versions, of which the exposure depends on the first."""
    twin(content, V1, version=1, latest_version=2, alias="fct_orders_v1")
    twin(content, V2, version=2, latest_version=2, alias="fct_orders_v2")
    del content["nodes"]["model.pos.fct_orders"]
    for nodes in (
        exposure(content)["depends_on"]["nodes"],
        content["parent_map"][CUSTOMERS],
    ):
        nodes[nodes.index("model.pos.fct_orders")] = V1
    content["parent_map"][V1] = content["parent_map"].pop("model.pos.fct_orders")


def packages(content: Manifest) -> None:
    """Give another package a model of the name fct_orders."""
    twin(content, ELSEWHERE, package_name="other", schema="other")


def naming(model: str) -> Callable[[Manifest], None]:
    return lambda content: declaration(content)["embed"]["orders"].update(model=model)


def both(*changes: Callable[[Manifest], None]) -> Callable[[Manifest], None]:
    return lambda content: [change(content) for change in changes].clear()


@pytest.mark.parametrize(
    ("change", "name", "node", "table", "label"),
    [
        (versions, "fct_orders.v1", V1, "fct_orders_v1", "fct_orders.v1"),
        (versions, "pos.fct_orders.v1", V1, "fct_orders_v1", "fct_orders.v1"),
        (packages, "pos.fct_orders", "model.pos.fct_orders", "fct_orders", "pos.fct_orders"),
        (packages, "model.pos.fct_orders", "model.pos.fct_orders", "fct_orders", "pos.fct_orders"),
        (lambda _: None, "fct_orders", "model.pos.fct_orders", "fct_orders", "fct_orders"),
    ],
)
def test_a_level_is_the_node_that_its_name_means(
    change: Any, name: str, node: str, table: str, label: str, manifest: Manifest, tmp_path: Path
) -> None:
    collections = read_collections(changed(manifest, both(change, naming(name)), tmp_path), database="pos")
    customers = next(each for each in collections if each.node == CUSTOMERS)
    orders = customers.root.children[0]
    assert (orders.node, orders.table, orders.model, orders.path) == (node, table, label, "orders")
    assert orders.children[0].path == "orders.lines"


@pytest.mark.parametrize(
    ("change", "name", "error"),
    [
        (versions, "fct_orders", f"model fct_orders is 2 nodes: {V1}, {V2}; write fct_orders.v1"),
        (
            packages,
            "fct_orders",
            f"model fct_orders is 2 nodes: {ELSEWHERE}, model.pos.fct_orders; write pos.fct_orders",
        ),
        (
            both(packages, lambda content: exposure(content)["depends_on"]["nodes"].append(ELSEWHERE)),
            "fct_orders",
            f"model fct_orders is 2 nodes: {ELSEWHERE}, model.pos.fct_orders; "
            "write other.fct_orders or pos.fct_orders",
        ),
        (
            versions,
            "fct_orders.v2",
            "model fct_orders.v2 is not in depends_on; "
            "depends_on names: dim_customers, fct_order_lines, fct_orders.v1",
        ),
        (
            lambda content: exposure(content)["depends_on"]["nodes"].append("seed.pos.pos_city"),
            "pos_city",
            "pos_city is a seed, no model; select from it in a model with an enforced contract",
        ),
        (
            lambda content: content["disabled"].update(
                {"model.pos.old_orders": [content["nodes"]["model.pos.fct_orders"]]}
            ),
            "old_orders",
            "model old_orders is disabled; enable it, or name another model",
        ),
        (
            lambda content: content["nodes"]["model.pos.fct_orders"]["config"].update(
                materialized="ephemeral"
            ),
            "fct_orders",
            "model fct_orders is materialized as ephemeral; materialize it as a table",
        ),
    ],
)
def test_a_name_that_is_no_one_model_is_refused(
    change: Any, name: str, error: str, manifest: Manifest, tmp_path: Path
) -> None:
    content = changed(manifest, both(change, naming(name)), tmp_path)
    with pytest.raises(SpecError) as refused:
        read_collections(content, database="pos")
    where = "(models/marts/_marts__exposures.yml, exposure customer_order_history)"
    assert str(refused.value) == error.replace("; ", f" {where}; ", 1)


def test_exposures_of_one_name_in_two_packages_are_both_named(manifest: Manifest, tmp_path: Path) -> None:
    other = "exposure.other.customer_order_history"

    def change(content: Manifest) -> None:
        content["exposures"][other] = {**exposure(content), "unique_id": other, "package_name": "other"}

    with pytest.raises(SpecError, match=f"declare a collection: {other}, {CUSTOMERS} "):
        read_collections(changed(manifest, change, tmp_path), database="pos")

    def one_declares(content: Manifest) -> None:
        change(content)
        content["exposures"] = {
            other: {**content["exposures"].pop(other), "meta": {}},
            **content["exposures"],
        }

    collections = read_collections(changed(manifest, one_declares, tmp_path), database="pos")
    assert CUSTOMERS in {each.node for each in collections}


def results(manifest: schema.Manifest, failing: str = "") -> schema.RunResults:
    """Make the results of a build in which every node succeeded but one."""

    def result(key: str) -> Manifest:
        is_test = key.startswith("test.")
        status = "fail" if key == failing and is_test else "error" if key == failing else "pass" * is_test
        return {
            "status": status or "success",
            "unique_id": key,
        }

    return schema.RunResults.model_validate(
        {
            "metadata": manifest.metadata,
            "results": [result(key) for key in manifest.nodes],
            "elapsed_time": 1.0,
        }
    )


def judged(manifest: schema.Manifest, failing: str = "") -> str:
    collections = read_collections(manifest, database="pos", select=["customer_order_history"])
    invocation = manifest.metadata.invocation_id or ""
    (verdict,) = gate.judge(
        collections,
        manifest=manifest,
        results=results(manifest, failing),
        stamp=gate.Stamp(invocation, "finished"),
        max_age=timedelta(days=9999),
    )
    return verdict.refused


def test_the_gate_judges_the_version_that_is_read(manifest: Manifest, tmp_path: Path) -> None:
    content = changed(manifest, both(versions, naming("fct_orders.v1")), tmp_path)
    assert judged(content) == ""
    assert judged(content, V2) == ""
    assert judged(content, V1).startswith("model fct_orders.v1: error, in dbt invocation ")


def test_the_gate_refuses_a_level_that_it_has_not_judged(manifest: Manifest, tmp_path: Path) -> None:
    def change(content: Manifest) -> None:
        content["parent_map"][CUSTOMERS] = ["model.pos.stg_pos__products"]

    content = changed(manifest, change, tmp_path)
    assert judged(content) == "model.pos.dim_customers is not upstream of exposure customer_order_history"


def test_the_report_takes_the_projects_own_models_and_their_latest_versions(
    manifest: Manifest, tmp_path: Path
) -> None:
    def first_elsewhere(content: Manifest) -> None:
        packages(content)
        content["nodes"] = dict(reversed(content["nodes"].items()))

    for change, node in (
        (packages, "model.pos.fct_orders"),
        (first_elsewhere, "model.pos.fct_orders"),
        (versions, V2),
    ):
        assert models_of(changed(manifest, change, tmp_path))["fct_orders"].unique_id == node


@pytest.fixture
def shop_of_versions(servers: Endpoints, manifest: Manifest, tmp_path: Path) -> Iterator[Shop]:
    """The sales are a model of two versions: the table `sales` is the first, `sales_v2` is empty."""

    def change(content: Manifest) -> None:
        first = content["nodes"].pop("model.pos.sales")
        for number, table in ((1, "sales"), (2, "sales_v2")):
            key = f"model.pos.sales.v{number}"
            content["nodes"][key] = {**first, "unique_id": key, "version": number, "alias": table}
        content["exposures"][f"exposure.pos.{NAME}"]["depends_on"]["nodes"] = [
            "model.pos.stores",
            "model.pos.sales.v1",
        ]

    with shop(servers, manifest, tmp_path, "test_identity", marts=MARTS) as made:
        made.sql("create table sales_v2 like sales")
        made.change_manifest(change)
        made.declare(embed={"sales": {"model": "sales.v1"}, "again": {"model": "sales.v1"}})
        yield made


def test_the_rows_of_the_named_version_are_published_and_counted_by_level(shop_of_versions: Shop) -> None:
    loaded = shop_of_versions.load()
    assert loaded["rows"] == {"stores": 200, "sales.v1": 1200}
    document = shop_of_versions.documents[NAME].find_one({"_id": 7})
    assert document is not None
    assert len(document["sales"]) == len(document["again"]) == 3


def test_two_arrays_of_one_model_are_trimmed_apart(shop_of_versions: Shop) -> None:
    newest = {"order_by": ["sale_id"], "on_overflow": "newest"}
    shop_of_versions.declare(
        embed={
            "sales": {"model": "sales.v1", **newest, "max_items": 1},
            "again": {"model": "sales.v1", **newest, "max_items": 2},
        }
    )
    loaded = shop_of_versions.load()
    assert loaded["rows"] == {"stores": 200, "sales.v1": 600}
    assert loaded["left_out"] == {"sales.v1": 600}
    document = shop_of_versions.documents[NAME].find_one({"_id": 7})
    assert document is not None
    assert (len(document["sales"]), len(document["again"])) == (1, 2)
