"""The Makefile and its scripts on machines and in environments that lack what they need."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.documents import PROJECT


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder that holds the Makefile, its scripts and what the test has put there."""
    shutil.copy(PROJECT / "Makefile", folder)
    shutil.copytree(PROJECT / "scripts", folder / "scripts", dirs_exist_ok=True)
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
    assert done.stderr.startswith("make: error: no Python 3.11, 3.12 or 3.13 on PATH; ")


def test_a_half_made_environment_is_not_made_with_its_own_python(tmp_path: Path) -> None:
    stamp = environment(tmp_path, named=tmp_path, runs=True)
    programs = stamp.parent / "bin"
    for name in ("python3.11", "python3.12", "python3"):
        (programs / name).symlink_to("python")
    shutil.copytree(PROJECT / "scripts", tmp_path / "scripts")
    others = os.environ["PATH"]
    for path in (f"{programs}:{others}", f"{programs}:{programs}:{others}:{programs}"):
        found = subprocess.run(
            [tmp_path / "scripts" / "python"],
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        assert Path(found.stdout.strip()).is_file()
        assert not found.stdout.startswith(str(tmp_path))


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
    assert sorted(path.name for path in tmp_path.iterdir()) == [".sandbox", "Makefile", "scripts"]


@pytest.mark.parametrize("path", sorted((PROJECT / "scripts").iterdir()), ids=lambda path: path.name)
def test_a_script_can_be_run_and_stops_at_the_first_fault(path: Path) -> None:
    first, purpose, *rest = path.read_text().splitlines()
    assert path.stat().st_mode & 0o111
    assert first == "#!/usr/bin/env bash"
    assert purpose.startswith("# ")
    assert next(line for line in rest if not line.startswith("#")) == "set -euo pipefail"
    subprocess.run(["bash", "-n", path], check=True)


APT = 'echo "apt-get $*" >&2'


def programs(folder: Path, **tools: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/programs where PATH has only these tools, each one line of shell."""
    shutil.copytree(PROJECT / "scripts", folder / "scripts")
    environment(folder, named=folder, runs=True)
    path = folder / "path"
    path.mkdir()
    for name, line in tools.items():
        (path / name).write_text(f"#!/bin/bash\n{line}\n")
        (path / name).chmod(0o755)
    for name in ("bash", "dirname", "env"):
        (path / name).symlink_to(f"/usr/bin/{name}")
    return subprocess.run(
        [folder / "scripts" / "programs", "browser"],
        env={"PATH": str(path), "POS_MONGO_BIN": "here"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("tools", "prefix"),
    [
        ({"id": "echo 0", "apt-get": APT}, ""),
        ({"id": "echo 1000", "apt-get": APT, "sudo": 'echo "sudo $1" >&2; exec "$@"'}, "sudo env\n"),
    ],
    ids=["root", "user"],
)
def test_what_is_missing_is_installed_as_root_or_by_sudo(
    tmp_path: Path, tools: dict[str, str], prefix: str
) -> None:
    done = programs(tmp_path, **tools)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("installing by apt: ")
    packages = done.stdout.removeprefix("installing by apt: ").strip()
    assert "chromium" in packages.split()
    install = f"apt-get -qq install -y --no-install-recommends {packages}"
    assert done.stderr == f"{prefix}apt-get -qq update\n{prefix}{install}\n"


@pytest.mark.parametrize(
    ("tools", "error"),
    [
        ({"id": "echo 0"}, "these Debian packages' programs are missing: "),
        ({"id": "echo 1000", "apt-get": APT}, "there is no sudo; as root, run apt-get install "),
    ],
)
def test_what_cannot_be_installed_is_named(tmp_path: Path, tools: dict[str, str], error: str) -> None:
    done = programs(tmp_path, **tools)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"make: error: {error}")
    assert "chromium" in done.stderr
