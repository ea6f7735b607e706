"""Which collections a run works on: by name, by tag, by what has changed since an earlier manifest."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from pos_loader.dbt.artifacts import read_manifest
from pos_loader.dbt.selection import selected, upstream
from pos_sandbox.cluster import Endpoints
from tests.faults.shop import shop
from tests.loader.manifests import Change, Manifest, changed, declaration, exposure, model, write_changed

pytestmark = pytest.mark.native

CUSTOMERS, PRODUCTS = "customer_order_history", "product_purchase_details"


@pytest.fixture(scope="module")
def manifest(manifest: Manifest) -> Manifest:
    """The project's manifest with two collections, whatever others it declares."""
    exposures = {f"exposure.pos.{name}": exposure(manifest, name) for name in (CUSTOMERS, PRODUCTS)}
    return {**manifest, "exposures": exposures}


def tag(content: Manifest) -> None:
    exposure(content)["tags"] = ["daily", "sales"]


def names(manifest: Any, *select: str, state: Any = None) -> list[str]:
    return [each.name for each in selected(manifest, select, state=state)]


def test_by_name_and_tag(manifest: Manifest, tmp_path: Path) -> None:
    tagged = changed(manifest, tag, tmp_path)
    assert names(tagged) == [CUSTOMERS, PRODUCTS]
    assert names(tagged, PRODUCTS) == [PRODUCTS]
    assert names(tagged, "tag:daily") == [CUSTOMERS]
    assert names(tagged, PRODUCTS, "tag:daily", "tag:sales") == [CUSTOMERS, PRODUCTS]


MODIFIED: dict[str, tuple[Change, list[str]]] = {
    "nothing": (lambda _: None, []),
    "a description": (lambda content: exposure(content).update(description="Other words"), []),
    "the declaration": (lambda content: declaration(content).update(exclude=["phone"]), [CUSTOMERS]),
    "a mart of one": (
        lambda content: model(content, "dim_products")["checksum"].update(checksum="other"),
        [PRODUCTS],
    ),
    "a model above both": (
        lambda content: model(content, "stg_pos__orderline")["checksum"].update(checksum="other"),
        [CUSTOMERS, PRODUCTS],
    ),
    "a column's type": (
        lambda content: model(content, "dim_products")["columns"]["product_name"].update(data_type="text"),
        [PRODUCTS],
    ),
    "a key": (
        lambda content: model(content, "fct_product_purchases")["config"].update(primary_key=["product_id"]),
        [PRODUCTS],
    ),
    "a new collection": (lambda content: content["exposures"].pop(f"exposure.pos.{CUSTOMERS}"), [CUSTOMERS]),
}


@pytest.mark.parametrize("change", MODIFIED)
def test_by_what_was_modified(change: str, manifest: Manifest, tmp_path: Path) -> None:
    apply, expected = MODIFIED[change]
    now = changed(manifest, lambda _: None, tmp_path / "now")
    before = changed(manifest, apply, tmp_path / "before")
    assert names(now, "state:modified", state=before) == expected


def test_upstream_is_everything_a_collection_is_built_from_parents_first(
    manifest: Manifest, tmp_path: Path
) -> None:
    unchanged = changed(manifest, lambda _: None, tmp_path)
    found = upstream(unchanged, f"exposure.pos.{PRODUCTS}")
    assert found.index("seed.pos.pos_product") < found.index("model.pos.stg_pos__product")
    assert found[-1].startswith("model.pos.")
    assert "model.pos.dim_products" in found
    assert "model.pos.dim_products" not in upstream(unchanged, f"exposure.pos.{CUSTOMERS}")
    assert len(found) == len(set(found))


def test_on_the_command_line(servers: Endpoints, manifest: Manifest, tmp_path: Path) -> None:
    with shop(servers, manifest, tmp_path / "now", "test_select") as published:
        folder = published.loader.warehouse.target_path
        before = copy.deepcopy(published.loader.warehouse.artifact("manifest"))
        write_changed(before, lambda _: None, tmp_path / "before")
        published.load("--select", "handmade")
        state = ("--select", "state:modified", "--state", str(tmp_path / "before"))
        published.sql("update stores set revenue = 0 where store_id = 1")
        assert published.loader.done("load", "--no-gate", "--json", *state).json["collections"] == []
        published.declare(exclude=["city"])
        assert published.load(*state)["replaced"] == 200
        for command in ("verify", "status"):
            (found,) = published.loader.done(command, "--json", *state).json["collections"]
            assert found["name"] == "handmade"
        missing = published.refused("--select", "state:modified", "--state", str(folder / "no"), code=2)
        assert missing.startswith(f"manifest.json is missing ({folder / 'no'})")
        assert read_manifest(folder)
