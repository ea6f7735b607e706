"""Commands in the documents and in the help exist and parse."""

import re
import shlex
import warnings
from pathlib import Path
from typing import Any

import click
import pytest
import typer

import pos_loader.cli
import pos_sandbox.cli
from tests.docs.documents import DOCUMENTS, PROJECT, commands, read, table

PROGRAMS: dict[str, Any] = {
    "pos-loader": typer.main.get_command(pos_loader.cli.app),
    "pos-sandbox": typer.main.get_command(pos_sandbox.cli.app),
}
OURS = [(program, name) for program, group in PROGRAMS.items() for name in group.commands]
ELSEWHERE = ("cp", "docker", "export", "pip", "pre-commit", "pytest", "python", "python3", "source")
USAGE_ERRORS = (click.UsageError, typer.BadParameter.__mro__[1])  # dbt's click and the one within Typer
EXAMPLE = re.compile(r"Example: (.+?)(?:\. |\.?$)")
WRITTEN = [
    pytest.param(command, id=f"{document}: {command}")
    for document in DOCUMENTS
    for command in commands(document)
]


def dbt_commands() -> Any:
    """The dbt command group; dbt itself uses what click has deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dbt.cli.main import cli
    return cli


def parse(command: str) -> None:
    """Parse one shell command as its program would, without running it; raise where it is wrong."""
    words = shlex.split(command)
    while re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    program, arguments = Path(words[0]).name, words[1:]
    if program in (*PROGRAMS, "dbt"):
        group = dbt_commands() if program == "dbt" else PROGRAMS[program]
        assert arguments[0] in group.commands, f"{program} has no command {arguments[0]}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            group.commands[arguments[0]].make_context(arguments[0], arguments[1:])
    elif program == "make":
        targets = re.findall(r"^([a-z]+):.*## ", read("Makefile"), flags=re.MULTILINE)
        assert [word for word in arguments if "=" not in word and word not in targets] == []
    elif words[0].startswith("scripts/"):
        assert (PROJECT / words[0]).is_file()
    else:
        assert program in ELSEWHERE, f"{program} is not known here"


@pytest.mark.parametrize("command", WRITTEN)
def test_a_written_command_parses(command: str) -> None:
    parse(command)


def test_the_two_commands_are_among_those_checked() -> None:
    assert {"make demo", "make test", "pos-loader load"} <= {parameter.values[0] for parameter in WRITTEN}


@pytest.mark.parametrize(
    "wrong",
    [
        "pos-loader lod",
        "pos-loader load --selekt x",
        "pos-sandbox import",
        "dbt biuld",
        "make dmo",
        "rm -r x",
    ],
)
def test_a_wrong_command_would_be_noticed(wrong: str) -> None:
    with pytest.raises((AssertionError, *USAGE_ERRORS)):
        parse(wrong)


@pytest.mark.parametrize(("program", "name"), OURS)
def test_a_command_has_one_sentence_of_help(program: str, name: str) -> None:
    sentence = PROGRAMS[program].commands[name].help
    assert sentence.endswith(".")
    assert ". " not in sentence
    assert "\n\n" not in sentence


@pytest.mark.parametrize(("program", "name"), OURS)
def test_a_command_has_an_example_that_parses(program: str, name: str) -> None:
    example = EXAMPLE.search(PROGRAMS[program].commands[name].epilog or "")
    assert example, "no `Example: ...` in the epilog"
    assert re.search(rf"\b{program} {name}\b", example[1]), "it does not show this command"
    for command in example[1].split("&&"):
        parse(command.strip())


@pytest.mark.parametrize(("program", "name"), OURS)
def test_every_option_has_help(program: str, name: str) -> None:
    options = [each for each in PROGRAMS[program].commands[name].params if each.name != "help"]
    assert [each.name for each in options if not (each.help or each.envvar)] == []


def test_the_command_table_is_complete() -> None:
    described = [row[0].strip("`") for row in table("docs/reference/commands.md", "command")]
    assert described == [f"{program} {name}" for program, name in OURS]


def test_options_in_prose_exist() -> None:
    known = {
        option
        for group in PROGRAMS.values()
        for command in group.commands.values()
        for parameter in command.params
        for option in parameter.opts
    }
    pages = "\n".join(map(read, ("README.md", "docs/reference/commands.md")))
    prose = re.sub(r"^```.*?^```$", "", pages, flags=re.DOTALL | re.MULTILINE)
    named = set(re.findall(r"`(--[a-z-]+)[^`]*`", prose))
    assert named - known - {"--help"} == set()


def test_make_lists_its_targets() -> None:
    makefile = read("Makefile")
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE))
    assert {"help", "demo", "test", "lint", "check", "up", "down", "setup"} <= targets
    assert set(re.findall(r"^\.PHONY: (\w+)$", makefile, flags=re.MULTILINE)) == targets | {
        "benchmarking",
        "programs",
    }
    assert (PROJECT / ".ci/run").stat().st_mode & 0o111
