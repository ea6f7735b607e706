"""Names of models in a declaration, and the one node of the manifest that each means.

dbt allows the same model name in several packages, and several versions of one model. Then a declaration
must write `package.model`, `model.v1` or `package.model.v1`.
Source: https://docs.getdbt.com/reference/artifacts/manifest-json and
https://docs.getdbt.com/docs/collaborate/govern/model-versions
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pos_loader.dbt.schema import Manifest, Node

Fault = tuple[str, str]
"""What is wrong, and what to do about it."""


class Names:
    """The models of a manifest, by every name that a declaration may use."""

    def __init__(self, manifest: Manifest) -> None:
        """Read the names of all models."""
        self._manifest = manifest
        self._spelt: dict[str, list[str]] = {}
        for key, node in manifest.nodes.items():
            if node.is_model:
                for name in _spellings(key, node):
                    self._spelt.setdefault(name, []).append(key)

    def label(self, unique_id: str) -> str:
        """Return the shortest name that means only this model: `orders`, `orders.v1`, `shop.orders`."""
        node = self._manifest.nodes[unique_id]
        names = _spellings(unique_id, node) if node.is_model else ()
        return next((name for name in names if self._spelt[name] == [unique_id]), unique_id)

    def find(self, name: str, depends_on: Iterable[str]) -> Node | Fault:
        """Return the model that `name` means, or the fault if it means none or several.

        The model must be among `depends_on`: the unique ids that the exposure depends on.
        """
        nodes = self._manifest.nodes
        named = [each for each in depends_on if each in nodes and nodes[each].is_model]
        found = self._spelt.get(name, [])
        known = f"depends_on names: {', '.join(sorted(map(self.label, named))) or 'none'}"
        if not found:
            return self._other(name, depends_on) or (f"model {name} is unknown", known)
        usable = [unique_id for unique_id in found if unique_id in named]
        if not usable:
            return f"model {name} is not in depends_on", known
        if len(found) > 1:
            choice = " or ".join(sorted(map(self.label, usable)))
            return f"model {name} is {len(found)} nodes: {', '.join(sorted(found))}", f"write {choice}"
        return nodes[found[0]]

    def _other(self, name: str, depends_on: Iterable[str]) -> Fault | None:
        """Say what a `name` is that is no enabled model: a seed, a snapshot, a source, a disabled model."""
        others: Mapping[str, object] = {**self._manifest.nodes, **self._manifest.sources}
        for unique_id in sorted(depends_on):
            kind, _, *parts = unique_id.split(".")
            if (
                kind in ("seed", "snapshot", "source")
                and unique_id in others
                and name in (parts[-1], unique_id)
            ):
                return f"{name} is a {kind}, no model", "select from it in a model with an enforced contract"
        if any(key.startswith("model.") and name in _names(key) for key in self._manifest.disabled or {}):
            return f"model {name} is disabled", "enable it, or name another model"
        return None


def _spellings(unique_id: str, node: Node) -> tuple[str, ...]:
    """List every name of a model, the shortest first."""
    _, package, *_ = unique_id.split(".")
    return tuple(dict.fromkeys([node.name, *_names(unique_id), f"{package}.{node.name}"]))


def _names(unique_id: str) -> tuple[str, ...]:
    """List the names within a unique id: `orders.v1` and longer ones for `model.shop.orders.v1`."""
    _, package, rest = unique_id.split(".", 2)
    return rest, f"{package}.{rest}", unique_id


def short(unique_id: str) -> str:
    """Name a node in a message: a model with its version, a test without its hash."""
    kind, _, *rest = unique_id.split(".")
    return ".".join(rest) if kind in ("model", "unit_test") else rest[0]
