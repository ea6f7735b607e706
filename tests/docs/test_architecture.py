"""docs/architecture.md names modules and folders that exist, and every folder of the loader."""

import re
from pathlib import Path

from tests.docs.documents import PROJECT, read

PACKAGE = PROJECT / "loader" / "pos_loader"
TEXT = read(Path("docs/architecture.md"))


def section(title: str) -> str:
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return lines[2:]


def test_every_module_of_a_step_is_there() -> None:
    steps = rows(section("The flow"))
    assert len(steps) > 10
    for step in steps:
        for module in re.findall(r"`([a-z_/]+)`", " ".join((step[1], step[3]))):
            path = PACKAGE / module
            assert path.is_dir() or path.with_suffix(".py").is_file(), f"{step[0]}: {module}"


def test_every_folder_and_module_of_the_root_has_a_row() -> None:
    named = {name for row in rows(section("Folders")) for name in re.findall(r"`(\w+)`", row[0])}
    there = {path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert named == there - {"__init__", "__main__", "__pycache__"}


def test_every_answer_is_a_path() -> None:
    answers = rows(section("Where to change what"))
    assert len(answers) == 10
    for answer in answers:
        paths = re.findall(r"`([\w./-]+)`", answer[1])
        assert paths, answer
        for path in paths:
            assert (PROJECT / path).exists(), path
