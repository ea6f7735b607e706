"""Manifests to test with: the project's own, as dbt parses it, changed where a test says so."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pos_loader.dbt import schema
from pos_loader.dbt.artifacts import read_manifest

Manifest = dict[str, Any]
Change = Callable[[Manifest], None]


def changed(manifest: Manifest, change: Change, folder: Path) -> schema.Manifest:
    """Apply `change` to a copy of the manifest, write it to `folder` and read it as the loader does."""
    write_changed(manifest, change, folder)
    return read_manifest(folder)


def write_changed(manifest: Manifest, change: Change, folder: Path) -> None:
    """Write a changed copy of the manifest to `folder`."""
    content = copy.deepcopy(manifest)
    change(content)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")


def exposure(manifest: Manifest, name: str = "customer_order_history") -> Manifest:
    """Find an exposure by name."""
    found: Manifest = manifest["exposures"][f"exposure.pos.{name}"]
    return found


def declaration(manifest: Manifest, name: str = "customer_order_history") -> Manifest:
    """Find the `meta.mongo` of an exposure."""
    found: Manifest = exposure(manifest, name)["meta"]["mongo"]
    return found


def model(manifest: Manifest, name: str) -> Manifest:
    """Find a model's node by name."""
    found: Manifest = manifest["nodes"][f"model.pos.{name}"]
    return found
