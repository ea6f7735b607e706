"""What the tree says is so: folders follow the flow, and one enum names every place of a new BSON type."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import grimp

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "loader" / "pos_loader"
MOST_FOLDERS, LONGEST_PATH = 26, 11
PLACES = {"declaration/bson_types.py", "documents/encode.py", "documents/sizes.py", "verify/figures.py"}


def folders() -> dict[str, set[str]]:
    """Each folder with those it imports; a module of the package's root counts as a folder."""
    graph = grimp.build_graph("pos_loader", cache_dir=None)
    arrows: dict[str, set[str]] = {}
    for module in graph.modules - {"pos_loader", "pos_loader.__main__"}:
        imported = graph.find_modules_directly_imported_by(module) - {"pos_loader"}
        arrows.setdefault(folder(module), set()).update(map(folder, imported))
    return {name: found - {name} for name, found in arrows.items()}


def folder(module: str) -> str:
    """The folder of `pos_loader.run.plan` is `pos_loader.run`; `pos_loader.cli` stands for itself."""
    is_folder = PACKAGE.joinpath(*module.split(".")[1:]).is_dir()
    return module if is_folder or module.count(".") == 1 else module.rpartition(".")[0]


def test_folders_have_no_cycle_and_no_long_way() -> None:
    arrows = folders()

    @cache
    def longest(start: str, above: frozenset[str] = frozenset()) -> int:
        assert start not in above, f"{start} imports itself by way of {sorted(above)}"
        return 1 + max((longest(each, above | {start}) for each in arrows[start]), default=0)

    assert len(arrows) <= MOST_FOLDERS
    assert max(map(longest, arrows)) <= LONGEST_PATH


def test_a_new_bson_type_makes_mypy_name_every_place(tmp_path: Path) -> None:
    text = (PACKAGE / "collection.py").read_text(encoding="utf-8")
    shadow = tmp_path / "collection.py"
    shadow.write_text(text.replace('DECIMAL = "decimal"\n', 'DECIMAL = "decimal"\n    MIN_KEY = "minKey"\n'))
    finished = subprocess.run(
        [sys.executable, "-m", "mypy", "--shadow-file", PACKAGE / "collection.py", shadow, PACKAGE],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in finished.stdout.splitlines() if ": error: " in line]
    assert all("assert_never" in line for line in errors), finished.stdout
    assert {line.partition(":")[0].partition("pos_loader/")[2] for line in errors} == PLACES
