"""The Makefile on machines and in environments that are not as it needs them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.documents import PROJECT


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder that holds the Makefile and no more than the test has put there."""
    shutil.copy(PROJECT / "Makefile", folder)
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def environment(folder: Path, *, named: Path, runs: bool) -> Path:
    """Make an environment whose scripts name a folder and whose Python may run; return its stamp."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "pos-sandbox").write_text(f"#!{named}/.venv/bin/python\n")
    (programs / "python").write_text(f"#!/bin/sh\nexit {0 if runs else 1}\n")
    (programs / "python").chmod(0o755)
    stamp = folder / ".venv" / ".ready"
    stamp.touch()
    return stamp


def test_a_make_without_oneshell_is_told(tmp_path: Path) -> None:
    old = make(tmp_path, ".FEATURES=", "help")
    assert old.returncode == 2
    assert "GNU make 3.82 or later is needed" in old.stderr


@pytest.mark.parametrize("python", ["", "false", "no-such-python"])
def test_a_missing_python_is_told_before_anything_is_installed(tmp_path: Path, python: str) -> None:
    done = make(tmp_path, "setup", f"PYTHON={python}")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("make: error: no Python 3.11 or 3.12 on PATH; ")


def test_an_environment_in_its_place_is_kept(tmp_path: Path) -> None:
    stamp = environment(tmp_path, named=tmp_path, runs=True)
    make(tmp_path, "help")
    assert stamp.exists()


@pytest.mark.parametrize(("named", "runs"), [("elsewhere", True), ("", False)])
def test_an_environment_that_was_moved_or_does_not_run_is_none(
    tmp_path: Path, named: str, runs: bool
) -> None:
    stamp = environment(tmp_path, named=tmp_path / named, runs=runs)
    make(tmp_path, "help")
    assert not stamp.exists()


def test_clean_works_without_a_python_and_spares_servers_it_cannot_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POS_SANDBOX_DIR", raising=False)
    environment(tmp_path, named=tmp_path, runs=False)
    (tmp_path / ".sandbox").mkdir()
    done = make(tmp_path, "clean")
    assert done.returncode == 0
    assert "make: the sandbox stays" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [".sandbox", "Makefile"]
