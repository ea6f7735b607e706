"""The table of bad inputs, `errors.yml`, and how a case of it is made and run."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from pos_loader.servers import mongo
from tests.loader.handmade import NAME, Mart, publishable
from tests.loader.manifests import Manifest
from tests.loader.running import Finished, Loader

TABLE = Path(__file__).with_suffix(".yml")
COLLECTION = "customer_order_history"
DECLARED: Manifest = {"root": "shops", "key": "shop_id", "shard_key": "none"}
"""The collection of marts made by hand, before a case changes it."""
Patch = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table; its head says what each field is."""

    error: str
    exit: str
    run: str = "load --quiet"
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str | None] = field(default_factory=dict)
    declared: Patch = field(default_factory=dict)
    models: Patch = field(default_factory=dict)
    manifest: Patch = field(default_factory=dict)
    results: Patch = field(default_factory=dict)
    marts: Mapping[str, Any] = field(default_factory=dict)
    published: bool = False
    redeclared: Patch = field(default_factory=dict)
    sql: Sequence[str] | None = None
    mongo: Sequence[Mapping[str, Any]] = ()

    @property
    def has_a_schema(self) -> bool:
        """Whether it needs a schema of its own; else it reads the sample."""
        return bool(self.marts) or self.sql is not None


def read_table() -> dict[str, dict[str, Case]]:
    """Read the cases by section and name."""
    sections = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {
        section: {name: Case(**case) for name, case in cases.items()} for section, cases in sections.items()
    }


def merged(document: Any, patch: Any) -> Any:
    """Apply a JSON merge patch. Source: https://www.rfc-editor.org/rfc/rfc7396"""
    if not isinstance(patch, Mapping):
        return patch
    found = dict(document) if isinstance(document, Mapping) else {}
    for name, change in patch.items():
        if change is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), change)
    return found


@dataclass(frozen=True)
class Scene:
    """Where a case happens: a loader with a folder, artifacts and a database of the case's own."""

    loader: Loader
    client: mongo.Client
    sample: Path
    """The folder of the artifacts that dbt left when it built the sample."""
    secrets: Mapping[str, str]

    @property
    def target(self) -> Path:
        """The folder of the case's own artifacts."""
        return self.loader.warehouse.target_path

    def fill(self, value: Any) -> Any:
        """Put what the run has in the place of {folder} and the like, in all texts of a value."""
        if isinstance(value, Mapping):
            return {self.fill(name): self.fill(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        if isinstance(value, str):
            for name, each in self._values.items():
                value = value.replace(f"{{{name}}}", each)
        return value

    @property
    def _values(self) -> dict[str, str]:
        warehouse, results = self.loader.warehouse, self.loader.results
        return {
            "folder": str(self.target.parent),
            "schema": warehouse.schema,
            "database": self.loader.database,
            "user": warehouse.user,
            "mariadb": f"{warehouse.host}:{warehouse.port}",
            "mariadb_port": str(warehouse.port),
            "mongo": mongo.hosts(self.client),
            "invocation": _read(self.sample / "run_results.json")["metadata"]["invocation_id"],
            "built": self._built,
            "load": _read(results)["load_id"] if results.exists() else "",
            **self.secrets,
        }

    @property
    def _built(self) -> str:
        made = _read(self.sample / "run_results.json")["metadata"]["generated_at"]
        return f"{datetime.fromisoformat(made):%Y-%m-%d %H:%M:%S}"

    def make(self, case: Case) -> None:
        """Bring about what the case says, up to its run."""
        for artifact in ("manifest.json", "run_results.json"):
            shutil.copy(self.sample / artifact, self.target)
        if case.marts:
            marts = {name: Mart(**mart) for name, mart in case.marts.items()}
            publishable(self.loader, _read(self.sample / "manifest.json"), marts, DECLARED)
        self.change(case, case.declared)
        if case.published:
            published = self.run("load --quiet --no-gate")
            assert published.code == 0, published
        self.change(case, case.redeclared)
        for statement in case.sql or ():
            self.loader.warehouse.query(self.fill(statement))
        for command in case.mongo:
            self.client[self.loader.database].command(self.fill(command))
        for name, text in self.fill(case.files).items():
            path = self.target.parent / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink() if text is None else path.write_text(text, encoding="utf-8")

    def change(self, case: Case, declared: Patch) -> None:
        """Change the artifacts as the case says, and its declaration."""
        exposure = f"exposure.pos.{NAME if case.marts else COLLECTION}"
        self._patch("manifest", {"exposures": {exposure: {"meta": {"mongo": declared}}}} if declared else {})
        self._patch("manifest", {"nodes": {f"model.pos.{name}": each for name, each in case.models.items()}})
        self._patch("manifest", case.manifest)
        self._patch("run_results", case.results)

    def _patch(self, artifact: str, patch: Patch) -> None:
        """Change a copied artifact; the results of a run are patched by node."""
        if not any(patch.values()):
            return
        file = self.target / f"{artifact}.json"
        content = _read(file)
        if "results" in content:
            content["results"] = {each["unique_id"]: each for each in content["results"]}
        content = merged(content, patch)
        if "results" in content:
            content["results"] = [*content["results"].values()]
        file.write_text(json.dumps(content), encoding="utf-8")

    def run(self, command: str, **environment: str) -> Finished:
        """Run a command line."""
        return self.loader.invoke(*shlex.split(self.fill(command)), **self.fill(environment))


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
