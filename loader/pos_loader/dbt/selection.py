"""Selection of collections with dbt's selectors: a name, `tag:NAME`, `state:modified`.

Source: https://docs.getdbt.com/reference/node-selection/methods
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pos_loader.dbt.schema import Exposure, Manifest
from pos_loader.errors import SpecError


def upstream(manifest: Manifest, exposure: str) -> tuple[str, ...]:
    """List the models, seeds and snapshots that an exposure (a unique id) is built from, parents first."""
    parents = manifest.parent_map or {}
    order: dict[str, None] = {}

    def visit(node: str) -> None:
        for parent in sorted(parents.get(node, [])):
            if parent not in order and parent in manifest.nodes:
                visit(parent)
                order[parent] = None

    visit(exposure)
    return tuple(order)


def selected(
    manifest: Manifest, select: Sequence[str], *, state: Manifest | None = None
) -> tuple[Exposure, ...]:
    """Select exposures that declare a collection, in the order of their names; without `select`, all of them.

    `state` is an earlier manifest, for `state:modified`. Raises `SpecError` where a selector selects nothing.
    """
    declared = _declared(manifest)
    if not declared:
        raise SpecError(
            "no exposure declares a collection", where="manifest.json", fix="add meta.mongo to an exposure"
        )
    chosen = {name for selector in select for name in _matches(manifest, declared, selector, state)}
    return tuple(declared[name] for name in sorted(chosen if select else declared))


def _declared(manifest: Manifest) -> dict[str, Exposure]:
    """Map names to exposures that declare a collection; no two packages may use the same name."""
    declared: dict[str, Exposure] = {}
    for exposure in manifest.exposures.values():
        if "mongo" not in exposure.meta:
            continue
        other = declared.setdefault(exposure.name, exposure)
        if other is not exposure:
            raise SpecError(
                f"two exposures named {exposure.name} declare a collection: "
                f"{', '.join(sorted((other.unique_id, exposure.unique_id)))}",
                where="manifest.json",
                fix="rename one of them, or disable it in dbt_project.yml (+enabled: false)",
            )
    return declared


def _matches(
    manifest: Manifest, declared: dict[str, Exposure], selector: str, state: Manifest | None
) -> set[str]:
    method, _, value = selector.rpartition(":")
    if method == "tag":
        found = {name for name, exposure in declared.items() if value in exposure.tags}
        return found or _unknown(f"no collection with tag {value}", _tags(declared))
    if (method, value) == ("state", "modified"):
        if state is None:
            raise SpecError(
                "state:modified needs an earlier manifest", where="--select", fix="give --state DIR"
            )
        return {
            name
            for name, exposure in declared.items()
            if _parts(manifest, exposure.unique_id) != _parts(state, exposure.unique_id)
        }
    if method:
        return _unknown(f"no selector {selector}", "NAME, tag:NAME, state:modified")
    return {selector} if selector in declared else _unknown(f"no collection {selector}", ", ".join(declared))


def _unknown(what: str, known: str) -> set[str]:
    raise SpecError(what, where="--select", fix=f"declared are: {known or 'none'}")


def _tags(declared: dict[str, Exposure]) -> str:
    return ", ".join(sorted({tag for exposure in declared.values() for tag in exposure.tags}))


def _parts(manifest: Manifest, exposure: str) -> Any:
    """Return all that decides what a collection holds: its declaration, and code and config of its nodes."""
    found = manifest.exposures.get(exposure)
    if found is None:
        return None
    nodes = {key: manifest.nodes[key] for key in upstream(manifest, exposure)}
    return found.meta.get("mongo"), {
        key: (
            node.checksum.checksum if node.checksum else None,
            {name: column.data_type for name, column in node.columns.items()},
            node.config.model_dump(),
        )
        for key, node in nodes.items()
    }
