"""Selection of collections, in dbt's words: a name, `tag:`, `state:modified`.

Source: https://docs.getdbt.com/reference/node-selection/methods
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dbt_artifacts_parser.parsers.manifest.manifest_v11 import Exposure, ManifestV11

from loader.errors import SpecError


def upstream(manifest: ManifestV11, exposure: str) -> tuple[str, ...]:
    """List the nodes an exposure is built from (models, seeds, snapshots), parents first."""
    parents = manifest.parent_map or {}
    start = next(key for key, each in manifest.exposures.items() if each.name == exposure)
    order: dict[str, None] = {}

    def visit(node: str) -> None:
        for parent in sorted(parents.get(node, [])):
            if parent not in order and parent in manifest.nodes:
                visit(parent)
                order[parent] = None

    visit(start)
    return tuple(order)


def selected(
    manifest: ManifestV11, select: Sequence[str], *, state: ManifestV11 | None = None
) -> tuple[Exposure, ...]:
    """Choose among the exposures that declare a collection, in order of name; without `select`, all.

    `state` is an earlier manifest to compare with. Raises `SpecError` for a selector that means nothing.
    """
    declared = {each.name: each for each in manifest.exposures.values() if "mongo" in (each.meta or {})}
    if not declared:
        raise SpecError(
            "no exposure declares a collection", where="manifest.json", fix="add meta.mongo to an exposure"
        )
    chosen = {name for each in select for name in _matches(manifest, declared, each, state)}
    return tuple(declared[name] for name in sorted(chosen if select else declared))


def _matches(
    manifest: ManifestV11, declared: dict[str, Exposure], selector: str, state: ManifestV11 | None
) -> set[str]:
    method, _, value = selector.rpartition(":")
    if method == "tag":
        found = {name for name, each in declared.items() if value in (each.tags or [])}
        return found or _unknown(f"no collection with tag {value}", _tags(declared))
    if (method, value) == ("state", "modified"):
        if state is None:
            raise SpecError(
                "state:modified needs an earlier manifest", where="--select", fix="give --state DIR"
            )
        return {name for name in declared if _parts(manifest, name) != _parts(state, name)}
    if method:
        return _unknown(f"no selector {selector}", "NAME, tag:NAME, state:modified")
    return {selector} if selector in declared else _unknown(f"no collection {selector}", ", ".join(declared))


def _unknown(what: str, known: str) -> set[str]:
    raise SpecError(what, where="--select", fix=f"declared are: {known or 'none'}")


def _tags(declared: dict[str, Exposure]) -> str:
    return ", ".join(sorted({tag for each in declared.values() for tag in each.tags or []}))


def _parts(manifest: ManifestV11, exposure: str) -> Any:
    """All that decides what a collection holds: its declaration, and its nodes' code, contract and config."""
    found = next((each for each in manifest.exposures.values() if each.name == exposure), None)
    if found is None:
        return None
    nodes = {key: manifest.nodes[key] for key in upstream(manifest, exposure)}
    return (found.meta or {}).get("mongo"), {
        key: (
            node.checksum.checksum if node.checksum else None,
            {name: column.data_type for name, column in (getattr(node, "columns", None) or {}).items()},
            node.config.model_dump() if node.config else None,
        )
        for key, node in nodes.items()
    }
