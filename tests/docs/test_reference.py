"""The tables of the reference are those of the code: grammar, exit codes, settings."""

import os
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel

import pos_sandbox.console
from pos_loader.declaration.grammar import (
    CollectionDeclaration,
    EmbedDeclaration,
    IndexDeclaration,
    LevelDeclaration,
    OverflowDeclaration,
    TypeName,
    parse_declaration,
)
from pos_loader.errors import ExitCode
from pos_loader.formats import Format
from pos_loader.servers import privileges
from pos_loader.settings import Settings
from tests.docs.documents import PROJECT, blocks, code, read, table

GRAMMAR, SETTINGS = "docs/reference/declaration.md", "docs/reference/settings.md"
LEVEL = set(LevelDeclaration.model_fields)


def names(head: str) -> list[str]:
    """The names in the first column of a table of the grammar."""
    return [name for row in table(GRAMMAR, head) for name in code(row[:1])]


@pytest.mark.parametrize(
    ("head", "model", "shared"),
    [
        ("of the collection", CollectionDeclaration, LEVEL),
        ("of every level, the root and each `embed`", LevelDeclaration, set[str]()),
        ("of an `embed`", EmbedDeclaration, LEVEL),
        ("of an index", IndexDeclaration, set[str]()),
    ],
)
def test_the_grammar_is_the_models(head: str, model: type[BaseModel], shared: set[str]) -> None:
    assert sorted(names(head)) == sorted(set(model.model_fields) - shared)


def test_the_buckets_grammar_is_the_models() -> None:
    (row,) = (row for row in table(GRAMMAR, "of an `embed`") if row[0] == "`overflow`")
    assert re.findall(r"(\w+):", code(row[1:])[0]) == list(OverflowDeclaration.model_fields)


def test_the_types_are_those_allowed() -> None:
    row = next(
        row for row in table(GRAMMAR, "of every level, the root and each `embed`") if row[0] == "`types`"
    )
    assert tuple(code(row[1:])) == get_args(TypeName)


def test_the_readmes_example_is_the_projects_own_exposure() -> None:
    (example,) = (yaml.safe_load(block.text)["exposures"][0] for block in blocks(Path("README.md"), "yaml"))
    parse_declaration(example["config"]["meta"]["mongo"], where="README.md")
    project = yaml.safe_load(read("models/marts/_marts__exposures.yml"))["exposures"]
    (real,) = (each for each in project if each["name"] == example["name"])
    assert example == {name: real[name] for name in example}


def test_exit_codes_are_the_loaders() -> None:
    rows = table("docs/reference/commands.md", "exit code of `pos-loader`")
    assert [(int(row[0]), row[1].strip("`")) for row in rows] == [(int(code), code.name) for code in ExitCode]


def test_formats_are_those_of_both_programs() -> None:
    named = [row[0].strip("`") for row in table("docs/reference/commands.md", "`--format`")]
    assert named == [*Format] == [*pos_sandbox.console.Format]


def test_settings_are_the_loaders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("POS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    rows = {row[0].strip("`"): row[1] for row in table(SETTINGS, "variable")}
    assert set(rows) == {f"POS_{name.upper()}" for name in Settings.model_fields}
    for variable, cell in rows.items():
        value = getattr(settings, variable.removeprefix("POS_").lower())
        shown = value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        if cell.startswith("`") and variable != "POS_TARGET_PATH":
            assert float(code([cell])[0]) == value if isinstance(value, float) else code([cell]) == [shown]


def test_the_role_has_the_actions_the_loader_needs() -> None:
    (shown,) = (each.text for each in blocks(Path("docs/publishing.md"), "js"))
    role = yaml.safe_load(re.sub(r" //.*", "", shown[shown.index("{") : shown.rindex("}") + 1]))
    (granted,) = (each["actions"] for each in role["privileges"] if each["resource"].get("db") == "pos")
    needed = [*privileges.DATABASE_ACTIONS, privileges.BYPASS_VALIDATION, *privileges.SHARDING_ACTIONS]
    assert sorted(granted) == sorted(needed)


def test_every_variable_the_code_reads_is_documented() -> None:
    sources = [*PROJECT.glob("sandbox/pos_sandbox/*.py"), PROJECT / "profiles.example.yml"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    readers = r"""(?:environ(?:\.get\(|\[)|getenv\(|env_var\(|envvar=)['"](POS_[A-Z0-9_]+)['"]"""
    variables = set(re.findall(readers, text))
    ports = {f"POS_SANDBOX_{name}_PORT" for name in ("MARIADB", "MONGOS", "CONFIG", "SHARD1", "SHARD2")}
    assert len(variables) > 5
    assert {each for each in variables | ports if f"`{each}`" not in read(SETTINGS)} == set()
