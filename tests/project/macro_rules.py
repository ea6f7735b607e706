"""Rules for the project's macros, in the same form as those of rules.py."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2

from tests.project import rules

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
        if names != [Path(path).stem]:
            yield f"{path}: it should hold the macro {Path(path).stem} alone, found {', '.join(names)}"


def mariadb_macros_are_in_their_folder(manifest: rules.Manifest) -> Iterator[str]:
    """An adapter for MariaDB would replace one folder."""
    for macro in macros(manifest):
        is_override = "mariadb" in macro["name"]
        if is_override and not macro["original_file_path"].startswith("macros/mariadb/"):
            yield f"{macro['name']}: move it to macros/mariadb"


def macros(manifest: rules.Manifest) -> Iterator[dict[str, Any]]:
    """The project's own macros, generic tests and materializations included."""
    yield from (macro for macro in manifest["macros"].values() if macro["package_name"] == "pos")


def plain_name(name: str) -> str:
    """A macro's name without what dbt and its dispatch put around it: concat for mariadb__concat."""
    name = name.removeprefix("mariadb__").removeprefix("test_")
    return re.sub(r"^materialization_(\w+)_mariadb$", r"\1", name)


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
    mariadb_macros_are_in_their_folder,
)
