"""dbt's artifacts: the only list of models and collections."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pos_loader.dbt.schema import Manifest, Node, RunResults
from pos_loader.errors import SpecError

Artifact = TypeVar("Artifact", bound=BaseModel)
SCHEMAS = "https://schemas.getdbt.com/dbt"
MANIFESTS, RUN_RESULTS = ("manifest/v11", "manifest/v12"), ("run-results/v5", "run-results/v6")
"""The versions of the artifacts that are read: dbt-core 1.7 writes the first, 1.8 to 1.11 the second."""

_BUILD = "run dbt build first, or name its target folder with --target-path"


def read_manifest(folder: Path, *, fix: str = _BUILD) -> Manifest:
    """Read `<folder>/manifest.json` (schema v11 or v12).

    Raises `SpecError` where it is missing (`fix` says what to do then), broken, or of another schema.
    """
    return _read(folder / "manifest.json", Manifest, MANIFESTS, fix)


def read_run_results(folder: Path) -> RunResults:
    """Read `<folder>/run_results.json` (schema v5 or v6).

    Raises `SpecError` where it is missing, broken or of another schema.
    """
    return _read(folder / "run_results.json", RunResults, RUN_RESULTS, _BUILD)


def last_run_results(folder: Path) -> RunResults | None:
    """Read run results; none where they are missing or cannot be read."""
    try:
        return read_run_results(folder)
    except SpecError:
        return None


def _read(path: Path, kind: type[Artifact], expected: Sequence[str], fix: str) -> Artifact:
    content = _read_json(path, fix)
    metadata = content.get("metadata")
    if not isinstance(metadata, dict):
        metadata = {}
    if metadata.get("dbt_schema_version") not in [f"{SCHEMAS}/{each}.json" for each in expected]:
        raise SpecError(
            f"{path.name} of dbt {metadata.get('dbt_version', 'unknown')} cannot be read",
            where=str(path.parent),
            fix="build with dbt-core 1.7 to 1.11",
        )
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        path_in_file = ".".join(map(str, first["loc"]))
        raise SpecError(
            f"{path.name} is not valid at {path_in_file}: {first['msg']}",
            where=str(path.parent),
            fix="run dbt build again",
        ) from None


def _read_json(path: Path, fix: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"{path.name} is missing", where=str(path.parent), fix=fix) from None
    except (OSError, ValueError, RecursionError) as error:
        raise SpecError(
            f"{path.name} cannot be read: {error}", where=str(path.parent), fix="run dbt build again"
        ) from None
    if not isinstance(content, dict):
        raise SpecError(f"{path.name} is no dbt artifact", where=str(path.parent), fix="run dbt build again")
    return content


def models_of(manifest: Manifest) -> dict[str, Node]:
    """Map model names to nodes, as `ref` with only a name finds them.

    The project's own model comes before one of a package, and the latest version before the others.
    """
    project = manifest.metadata.project_name
    models = [node for node in manifest.nodes.values() if node.is_model]
    models.sort(key=lambda node: (node.package_name == project, node.version == node.latest_version))
    return {node.name: node for node in models}
