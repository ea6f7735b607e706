"""dbt's artifacts: the only list of models and collections there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dbt_artifacts_parser.parsers.manifest.manifest_v11 import ManifestV11, ModelNode
from pydantic import ValidationError

from loader.errors import SpecError

MANIFEST_VERSION = "https://schemas.getdbt.com/dbt/manifest/v11.json"


def read_manifest(folder: Path) -> ManifestV11:
    """Read `<folder>/manifest.json` (dbt 1.7, schema v11).

    Raises `SpecError` where it is missing, broken or of another dbt version.
    """
    path = folder / "manifest.json"
    content = _read_json(path)
    version = content.get("metadata", {}).get("dbt_schema_version")
    if version != MANIFEST_VERSION:
        made_by = content.get("metadata", {}).get("dbt_version", "unknown")
        raise SpecError(
            f"manifest of dbt {made_by} cannot be read", where=str(path), fix="build with dbt-core 1.7"
        )
    try:
        return ManifestV11(**content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SpecError(
            f"manifest is not valid at {place}: {first['msg']}", where=str(path), fix="run dbt build again"
        ) from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(
            f"{path.name} is missing",
            where=str(path.parent),
            fix="run dbt build first, or name its target folder with --target-path",
        ) from None
    except (OSError, ValueError) as error:
        raise SpecError(
            f"{path.name} cannot be read: {error}", where=str(path.parent), fix="run dbt build again"
        ) from None
    if not isinstance(content, dict):
        raise SpecError(f"{path.name} is no dbt artifact", where=str(path.parent), fix="run dbt build again")
    return content


def models_of(manifest: ManifestV11) -> dict[str, ModelNode]:
    """Map model names to their nodes."""
    return {node.name: node for node in manifest.nodes.values() if isinstance(node, ModelNode)}
