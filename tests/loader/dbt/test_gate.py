"""The dbt gate, with real builds: what dbt did not build and test in one go is not published."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import tenacity

from pos_sandbox.cluster import Endpoints
from tests.loader.running import LEASES, Documents, Loader, connect, left_behind
from tests.warehouse import PROJECT, Warehouse, new_warehouse

pytestmark = pytest.mark.native

CUSTOMERS, PRODUCTS = "customer_order_history", "product_purchase_details"
FAILING = "select product_id from {{ ref('dim_products') }} where product_id = 1"
WARNING = (
    "{{ config(severity='warn') }} select customer_id from {{ ref('dim_customers') }} where customer_id < 3"
)
Artifact = dict[str, Any]


@pytest.fixture(scope="module")
def doubtful(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A build of the project with two more tests: one on products that fails, one on customers that warns."""
    project, built = tmp_path_factory.mktemp("doubtful") / "project", tmp_path_factory.mktemp("built")
    for name in ("models", "macros", "seeds", "snapshots", "analyses", "tests/dbt"):
        shutil.copytree(PROJECT / name, project / name)
    for name in ("dbt_project.yml", "profiles.example.yml"):
        shutil.copy(PROJECT / name, project)
    (project / "tests/dbt/assert_product_one_is_not_there.sql").write_text(FAILING)
    (project / "tests/dbt/assert_customers_begin_with_three.sql").write_text(WARNING)
    warehouse = replace(new_warehouse(servers, built, "test_gate"), project=project)
    finished = warehouse.dbt("build", check=False)
    assert "WARN=1 ERROR=1 SKIP=" in finished.stdout, finished.stdout
    return replace(warehouse, project=PROJECT)


class Gated:
    """A loader of the doubtful build, and where it goes."""

    def __init__(self, loader: Loader, database: Documents) -> None:
        self.loader, self.database = loader, database

    @property
    def published(self) -> set[str]:
        """The collections readers see."""
        return set(self.database.list_collection_names()) & self.declared

    @property
    def declared(self) -> set[str]:
        """The collections that the project declares."""
        return {each["name"] for each in self._manifest["exposures"].values() if "mongo" in each["meta"]}

    def ancestors(self, exposure: str) -> set[str]:
        """All nodes above a collection."""
        found, above = set[str](), [f"exposure.pos.{exposure}"]
        while above:
            parents = self._manifest["parent_map"].get(above.pop(), [])
            above += set(parents) - found
            found |= set(parents)
        return found

    @property
    def build(self) -> str:
        """The build as messages name it."""
        metadata = self.loader.warehouse.artifact("run_results")["metadata"]
        made = datetime.fromisoformat(metadata["generated_at"])
        return f"dbt invocation {metadata['invocation_id']} of {made:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def _manifest(self) -> Artifact:
        return self.loader.warehouse.artifact("manifest")


@pytest.fixture
def gated(doubtful: Warehouse, servers: Endpoints, mongo_database: str) -> Iterator[Gated]:
    loader = Loader(doubtful, servers.mongo_uri, mongo_database, select=())
    with connect(servers.mongo_uri) as client:
        yield Gated(loader, client[mongo_database])


def test_a_failing_test_keeps_exactly_what_is_downstream_of_it(gated: Gated) -> None:
    kept = {name for name in gated.declared if "model.pos.dim_products" in gated.ancestors(name)}
    finished = gated.loader.run("load")
    assert finished.code == 1
    errors = [line for line in finished.stderr.splitlines() if line.startswith("pos-loader: error: ")]
    assert sorted(errors) == [
        f"pos-loader: error: {name} is not published (test assert_product_one_is_not_there: fail "
        f"(Got 1 result, configured to fail if != 0), in {gated.build}); correct it and run dbt build again"
        for name in sorted(kept)
    ]
    assert f"{CUSTOMERS}: assert_customers_begin_with_three warned: Got 3 results" in finished.stderr
    assert PRODUCTS in kept
    assert gated.published == gated.declared - kept >= {CUSTOMERS}
    results = {each["name"]: each for each in json.loads(gated.loader.results.read_text())["collections"]}
    assert results[PRODUCTS]["refused"].startswith("test assert_product_one_is_not_there: fail")
    assert results[CUSTOMERS]["warnings"] == [
        "assert_customers_begin_with_three warned: Got 3 results, configured to warn if != 0"
    ]
    verified = gated.loader.run("verify", "--select", CUSTOMERS)
    failed = f"{gated.build} failed: test assert_product_one_is_not_there: fail (Got 1 result"
    assert f"pos-loader: {failed}" in verified.stderr
    warehouse = gated.loader.warehouse
    warehouse.query("rename table dim_products to away")
    try:
        for command in (("report",), ("plan", "--no-gate"), ("verify", "--select", PRODUCTS)):
            said = gated.loader.run(*command, "--quiet")
            assert f"; {failed}" in said.stdout + said.stderr, said
            assert "run dbt build first" not in said.stdout + said.stderr
    finally:
        warehouse.query("rename table away to dim_products")
    plan = gated.loader.run("plan", "--quiet")
    assert plan.code == 2
    assert "blocked (the dbt gate refuses it: test assert_product_one_is_not_there: fail" in plan.stdout

    unchecked = gated.loader.done("load", "--no-gate", "--select", CUSTOMERS, "--select", PRODUCTS)
    assert (
        "WARNING: --no-gate: not checked that dbt built and tested these marts, nor that no build runs"
        in unchecked.stderr
    )
    assert gated.published >= {CUSTOMERS, PRODUCTS}


def test_a_build_during_a_load_stops_it(gated: Gated, tmp_path: Path) -> None:
    """The load is paused right after it has begun, and a second build begins and ends meanwhile."""
    warehouse = gated.loader.warehouse
    stamp = "select invocation_id, state, stamped_at from dbt_build_stamp"
    (before,) = warehouse.query(stamp)
    process = gated.loader.start("load", "--quiet", "--select", CUSTOMERS)
    try:
        for attempt in tenacity.Retrying(stop=tenacity.stop_after_delay(60), wait=tenacity.wait_fixed(0.01)):
            with attempt:
                assert gated.database[LEASES].find_one({"pid": process.pid})
        process.send_signal(signal.SIGSTOP)
        replace(warehouse, target_path=tmp_path).dbt("run", "--select", "dim_products")
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=120)
    finally:
        process.kill()
        warehouse.query(f"update dbt_build_stamp set invocation_id = '{before[0]}', state = '{before[1]}'")
    assert process.returncode == 4, said
    assert said.startswith("pos-loader: error: another build began during the load: MariaDB was built by dbt")
    assert said.endswith("nothing was published; run again when dbt has ended\n")
    assert gated.published == set()
    assert left_behind(gated.database) == []
