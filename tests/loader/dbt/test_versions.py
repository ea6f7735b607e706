"""Artifacts that dbt 1.7 (v11) and dbt 1.11 (v12) wrote for one collection of this project, shortened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pos_loader.collection import Collection
from pos_loader.dbt import artifacts, gate
from pos_loader.declaration.spec import read_collections
from pos_loader.errors import SpecError
from pos_loader.report.read.health import read_dbt

RECORDED = Path(__file__).parent
VERSIONS = ["v11", "v12"]
UNIT_TEST = "unit_test.pos.rpt_source_profile.a_column_without_values"
Change = Callable[[dict[str, Any]], None]


def collection(folder: Path) -> Collection:
    (found,) = read_collections(artifacts.read_manifest(folder), database="pos")
    return found


def refused(folder: Path) -> str:
    """Why the gate refuses the one collection; empty if it does not."""
    manifest, results = artifacts.read_manifest(folder), artifacts.read_run_results(folder)
    (verdict,) = gate.judge(
        read_collections(manifest, database="pos"),
        manifest=manifest,
        results=results,
        stamp=gate.Stamp(results.metadata.invocation_id or "", "finished"),
        max_age=timedelta(days=9999),
    )
    return verdict.refused


def change(name: str, folder: Path, how: Change) -> None:
    content = json.loads((folder / name).read_text())
    how(content)
    (folder / name).write_text(json.dumps(content))


def results(unique_id: str, *, status: str) -> Change:
    def how(content: dict[str, Any]) -> None:
        (result,) = [each for each in content["results"] if each["unique_id"] == unique_id]
        result["status"] = status

    return how


@pytest.fixture
def v12(tmp_path: Path) -> Path:
    """A copy of dbt 1.11's artifacts."""
    return shutil.copytree(RECORDED / "v12", tmp_path / "v12")


def test_both_versions_mean_one_collection() -> None:
    was, now = (collection(RECORDED / each) for each in VERSIONS)
    assert was.root.fields == now.root.fields
    assert was.root.key == now.root.key == ("source_column",)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_gate_passes_what_succeeded(version: str) -> None:
    assert refused(RECORDED / version) == ""


def test_an_exposure_that_dbt_calls_no_op_is_nothing_notable() -> None:
    run, fault = read_dbt(RECORDED / "v12")
    assert (fault, run.count("exposure", "no-op") if run else 0) == ("", 1)
    assert run is not None
    assert run.notable == ()


def test_a_mart_that_was_not_built_is_refused(v12: Path) -> None:
    change("run_results.json", v12, results("model.pos.rpt_source_profile", status="no-op"))
    assert refused(v12).startswith("model rpt_source_profile: no-op")


def test_a_unit_test_counts_where_it_ran(v12: Path) -> None:
    def leave_out(content: dict[str, Any]) -> None:
        content["results"] = [each for each in content["results"] if each["unique_id"] != UNIT_TEST]

    change("run_results.json", v12, results(UNIT_TEST, status="fail"))
    assert refused(v12).startswith("unit test rpt_source_profile.a_column_without_values: fail")
    change("run_results.json", v12, leave_out)
    assert refused(v12) == ""


def test_unknown_fields_are_ignored(v12: Path) -> None:
    def manifest(content: dict[str, Any]) -> None:
        nodes = [*content["nodes"].values(), *content["exposures"].values()]
        columns = [column for node in nodes for column in node.get("columns", {}).values()]
        for part in (content, content["metadata"], *nodes, *(node["config"] for node in nodes), *columns):
            part["new_in_dbt"] = {"any": ["thing"]}

    def run_results(content: dict[str, Any]) -> None:
        for part in (content, content["metadata"], *content["results"]):
            part["new_in_dbt"] = {"any": ["thing"]}

    change("manifest.json", v12, manifest)
    change("run_results.json", v12, run_results)
    assert refused(v12) == ""


@pytest.mark.parametrize(
    ("name", "schema", "known", "read"),
    [
        ("manifest", "manifest/v", 12, artifacts.read_manifest),
        ("run_results", "run-results/v", 6, artifacts.read_run_results),
    ],
)
def test_the_schema_decides_and_not_dbts_version(
    name: str, schema: str, known: int, read: Callable[[Path], object], v12: Path
) -> None:
    def version(number: int) -> Change:
        return lambda content: content["metadata"].update(
            dbt_version="9.9.9", dbt_schema_version=f"https://schemas.getdbt.com/dbt/{schema}{number}.json"
        )

    change(f"{name}.json", v12, version(known))
    assert read(v12)
    change(f"{name}.json", v12, version(known + 1))
    with pytest.raises(SpecError, match=f"^{name}.json of dbt 9.9.9 cannot be read"):
        read(v12)
