"""Rules for the dbt project that dbt does not enforce; each returns one line per breach.

A rule's docstring says why it matters. `manifest` is dbt's manifest.json as a dict.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
GRAIN = re.compile(r"[Oo]ne row per [^.]+\.$")
IGNORED_CONFIGS = {
    "incremental_strategy": "dbt-mysql has one way of its own",
    "on_schema_change": "dbt-mysql never looks at it",
    "grants": "dbt-mysql cannot grant",
    "persist_docs": "dbt-mysql cannot comment",
    "database": "MariaDB has schemas only",
}
IGNORED_DEFAULTS = {"on_schema_change": "ignore"}
OLD_KEYS = {"tests": "data_tests"}
AS_BUILT = ("built_mart(", "is_built_before(")
"""Macros by which a model reads a table of the last build."""
PERSONAL = {"first_name", "last_name", "email", "address1", "address2", "phone", "birthdate"}
EMPTY: dict[str, Any] = {"path": "", "depends_on": {"nodes": []}}
FOLDERS = (
    ("models/staging/pos/", r"stg_pos__[a-z_]+"),
    ("models/intermediate/", r"int_[a-z_]+"),
    ("models/marts/core/", r"(dim|fct)_[a-z_]+"),
    ("models/marts/reports/", r"rpt_[a-z_]+"),
)


def nodes(manifest: Manifest, *kinds: str) -> Iterator[dict[str, Any]]:
    """The nodes of these resource types."""
    yield from (node for node in manifest["nodes"].values() if node["resource_type"] in kinds)


def models_end_with_their_grain(manifest: Manifest) -> Iterator[str]:
    """An engineer who joins a model must know its grain, and its name does not say it."""
    for node in nodes(manifest, "model", "snapshot", "seed"):
        if not GRAIN.search(node["description"].strip()):
            yield f"{node['name']}: end the description with 'One row per ...', found {node['description']!r}"


def columns_are_described(manifest: Manifest) -> Iterator[str]:
    """Readers of the catalog and of the collections have only these descriptions."""
    for node in nodes(manifest, "model", "snapshot"):
        if not node["columns"]:
            yield f"{node['name']}: describe its columns"
        for column in node["columns"].values():
            if not column["description"].strip():
                yield f"{node['name']}.{column['name']}: describe it"


def keys_are_tested(manifest: Manifest) -> Iterator[str]:
    """The loader nests by key; a repeated or missing one would lose rows."""
    tested = {
        (test["attached_node"], test["test_metadata"]["name"], key)
        for test in nodes(manifest, "test")
        if test.get("test_metadata")
        for key in (
            test["test_metadata"]["kwargs"].get("column_name"),
            tuple(test["test_metadata"]["kwargs"].get("columns", ())),
        )
    }
    for node in nodes(manifest, "model"):
        key = node["config"].get("primary_key")
        if not key:
            if node["path"].startswith("marts/"):
                yield f"{node['name']}: declare the config primary_key"
            continue
        unique = ("unique", key[0]) if len(key) == 1 else ("unique_combination", tuple(key))
        if (node["unique_id"], *unique) not in tested:
            yield f"{node['name']}: test {', '.join(key)} with {unique[0]}"
        for column in key:
            names = [
                name
                for unique_id, name, tested_column in tested
                if (unique_id, tested_column) == (node["unique_id"], column)
            ]
            if not {"not_null", "accepted_range"} & set(names):
                yield f"{node['name']}.{column}: test it with not_null"


def staging_keys_are_tested(manifest: Manifest) -> Iterator[str]:
    """Keys of the source may repeat; meta.key_tested_in then names the model that resolves and tests them."""
    unique: set[str] = set()
    not_null: set[str] = set()
    for test in nodes(manifest, "test"):
        name = (test.get("test_metadata") or {}).get("name")
        if name in {"unique", "unique_combination"}:
            unique.add(test["attached_node"])
        elif name == "not_null":
            not_null.add(test["attached_node"])
    for node in nodes(manifest, "model"):
        if not node["path"].startswith("staging/"):
            continue
        tester = node["config"]["meta"].get("key_tested_in")
        tested = f"model.{node['package_name']}.{tester}" if tester else node["unique_id"]
        if tester and node["unique_id"] not in manifest["nodes"].get(tested, EMPTY)["depends_on"]["nodes"]:
            yield f"{node['name']}: key_tested_in is {tester}, which does not read it"
        elif tested not in unique & not_null:
            yield f"{node['name']}: test its key with unique and not_null, or declare meta.key_tested_in"


def intermediate_models_ref_no_mart(manifest: Manifest) -> Iterator[str]:
    """A mart that a layer below reads would be built before its own layer."""
    for node in nodes(manifest, "model"):
        if node["path"].startswith("intermediate/"):
            for parent in node["depends_on"]["nodes"]:
                if manifest["nodes"].get(parent, EMPTY)["path"].startswith("marts/"):
                    yield f"{node['name']}: do not ref {parent}"


def models_say_that_they_read_the_last_build(manifest: Manifest) -> Iterator[str]:
    """The lineage does not show these reads."""
    for node in nodes(manifest, "model"):
        reads = any(macro in node["raw_code"] for macro in AS_BUILT)
        if reads and "as the last build left" not in node["description"]:
            yield f"{node['name']}: say in the description what it reads as the last build left it"


def only_staging_reads_the_source(manifest: Manifest) -> Iterator[str]:
    """Any other model would read uncleaned values."""
    for node in nodes(manifest, "model", "snapshot", "analysis"):
        if node["path"].startswith("staging/"):
            continue
        for parent in node["depends_on"]["nodes"]:
            if parent.startswith(("source.", "seed.")):
                yield f"{node['name']}: read {parent.split('.')[-1]} through its staging model"


def names_follow_folders(manifest: Manifest) -> Iterator[str]:
    """A name tells the layer, so a reader sees where data would flow backwards."""
    for node in nodes(manifest, "model"):
        pattern = next(
            (rule for folder, rule in FOLDERS if node["original_file_path"].startswith(folder)), "$"
        )
        if not re.fullmatch(pattern, node["name"]):
            yield f"{node['name']}: in {node['original_file_path']} a name must match {pattern}"


def no_config_is_ignored(manifest: Manifest) -> Iterator[str]:
    """dbt-mysql accepts these configs and does nothing, or fails at run time."""
    for node in manifest["nodes"].values():
        for name, reason in IGNORED_CONFIGS.items():
            if node["config"].get(name) not in (None, {}, [], IGNORED_DEFAULTS.get(name)):
                yield f"{node['name']}: remove the config {name}, {reason}"
        if node["config"].get("materialized") == "incremental":
            yield f"{node['name']}: use a table, dbt-mysql's incremental models have gaps"


def marts_have_contracts(manifest: Manifest) -> Iterator[str]:
    """The loader takes types and validators from the contract."""
    for node in nodes(manifest, "model"):
        if node["path"].startswith("marts/core/") and not node["config"]["contract"]["enforced"]:
            yield f"{node['name']}: enforce its contract"


def exposures_are_complete(manifest: Manifest) -> Iterator[str]:
    """An exposure is a published collection and needs an owner."""
    for exposure in manifest["exposures"].values():
        for field in ("description", "maturity", "label"):
            if not exposure.get(field):
                yield f"{exposure['name']}: fill in {field}"
        if not exposure["owner"].get("name"):
            yield f"{exposure['name']}: name its owner"


def personal_columns_are_declared(manifest: Manifest) -> Iterator[str]:
    """A test prints the values of any other column, and a build's log is read by many."""
    columns = [
        (node["name"], column["name"], bool(column["meta"].get("personal")))
        for node in nodes(manifest, "model", "snapshot")
        for column in node["columns"].values()
    ]
    personal = {name for _, name, declared in columns if declared} | PERSONAL
    for model, name, declared in columns:
        if name in personal and not declared:
            yield f"{model}.{name}: declare config: {{meta: {{personal: true}}}}"


RULES: tuple[Callable[[Manifest], Iterator[str]], ...] = (
    models_end_with_their_grain,
    columns_are_described,
    keys_are_tested,
    staging_keys_are_tested,
    intermediate_models_ref_no_mart,
    models_say_that_they_read_the_last_build,
    only_staging_reads_the_source,
    names_follow_folders,
    no_config_is_ignored,
    marts_have_contracts,
    exposures_are_complete,
    personal_columns_are_declared,
)


def yaml_breaches(content: Any, where: str) -> Iterator[str]:
    """Keys of an older dbt, and keys that YAML reads as booleans: on, off, yes, no."""
    if isinstance(content, dict):
        for key, value in content.items():
            if isinstance(key, bool):
                written = "on or yes" if key else "off or no"
                yield f"{where}: YAML reads the key {written} as {key}; rename it"
            elif key in OLD_KEYS:
                yield f"{where}: {key} is an old name; use {OLD_KEYS[key]}"
            yield from yaml_breaches(value, f"{where}.{key}")
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from yaml_breaches(value, f"{where}[{number}]")


def yaml_file_breaches(path: Path) -> Iterator[str]:
    """Breaches of one YAML file."""
    yield from yaml_breaches(yaml.safe_load(path.read_text(encoding="utf-8")), path.name)
