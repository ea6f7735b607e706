"""Rules for the project's macros, in the same form as those of rules.py."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import yaml

from tests.project import rules
from tests.warehouse import PROJECT

ADAPTER = PROJECT / "adapter/dbt/include/mariadb_marts/macros"
BLOCK = re.compile(r"{%(-?)\s*(macro|test|materialization)\s+(\w+)")


def macros_are_described(manifest: rules.Manifest) -> Iterator[str]:
    """The descriptions in _macros.yml are the only ones; the files of macros have no header."""
    for macro in macros(manifest):
        if not macro["description"].strip():
            yield f"{macro['name']}: describe it in _macros.yml"
        described = {argument["name"]: argument["description"].strip() for argument in macro["arguments"]}
        declared = arguments_of(macro["macro_sql"])
        for name in declared:
            if not described.get(name):
                yield f"{macro['name']}: describe the argument {name}"
        for name in sorted(described.keys() - set(declared)):
            yield f"{macro['name']}: it has no argument {name}"


def macro_files_hold_one_macro(manifest: rules.Manifest) -> Iterator[str]:
    """A macro is found by its name, and dbt's partial parsing fails on files with several macros."""
    held: dict[str, list[str]] = {}
    for macro in macros(manifest):
        held.setdefault(macro["original_file_path"], []).append(plain_name(macro["name"]))
    for path, names in held.items():
        if set(names) != {Path(path).stem}:
            yield f"{path}: it should hold the macro {Path(path).stem} alone, found {', '.join(names)}"


def the_adapter_is_overridden_in_one_folder(manifest: rules.Manifest) -> Iterator[str]:
    """The adapter knows MariaDB; the project changes only how facts are updated and tested."""
    for macro in macros(manifest):
        is_override = macro["package_name"] == "pos" and "mariadb" in macro["name"]
        if is_override and not macro["original_file_path"].startswith("macros/incremental/"):
            yield f"{macro['name']}: move it to the adapter"


def macros(manifest: rules.Manifest) -> Iterator[dict[str, Any]]:
    """The macros of the project and of the adapter, generic tests and materializations included."""
    described = adapters_descriptions()
    for macro in manifest["macros"].values():
        if macro["package_name"] == "pos":
            yield macro
        elif macro["package_name"] == "dbt_mariadb_marts":
            name = macro["name"].removeprefix("default__")
            yield {**macro, "description": "", "arguments": [], **described.get(name, {})}


def adapters_descriptions() -> dict[str, dict[str, Any]]:
    """The descriptions of the adapter's macros by name; dbt does not read them into a project's manifest."""
    files = [yaml.safe_load(path.read_text()) for path in ADAPTER.rglob("_macros.yml")]
    return {each["name"]: each for file in files for each in file["macros"]}


def plain_name(name: str) -> str:
    """A macro's name without what dbt and its dispatch put around it: concat for mariadb_marts__concat."""
    name = re.sub(r"^(mariadb_marts__|mariadb__|default__)?(test_)?", "", name)
    return re.sub(r"^materialization_(\w+)_mariadb_marts$", r"\1", name)


def arguments_of(macro_sql: str) -> list[str]:
    """The names of a macro's arguments; a materialization has none."""
    match = BLOCK.match(macro_sql)
    if not match or match[2] == "materialization":
        return []
    head = f"{{% macro {match[3]}{macro_sql[match.end() : macro_sql.index('%}') + 2]}{{% endmacro %}}"
    (block,) = jinja2.Environment(autoescape=True).parse(head).find_all(jinja2.nodes.Macro)
    return [argument.name for argument in block.args]


RULES: tuple[Callable[[rules.Manifest], Iterator[str]], ...] = (
    macros_are_described,
    macro_files_hold_one_macro,
    the_adapter_is_overridden_in_one_folder,
)
