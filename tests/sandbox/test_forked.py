"""A run in a fork ends as a run that starts Python."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forked

NEITHER = {"POS_MARIADB_PORT": "1", "POS_MONGO_URI": "mongodb://127.0.0.1:1", "TZ": "Asia/Tokyo"}


@pytest.mark.parametrize("variables", [{}, {"PYTHONIOENCODING": "ascii"}], ids=["forked", "started"])
@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("pos_loader", ["--help"]),
        ("pos_loader", ["nonsense"]),
        ("pos_loader", ["plan", "--target-path", "here"]),
        ("dbt.cli.main", ["parse", "--project-dir", "no such folder"]),
    ],
)
def test_a_fork_says_and_returns_the_same(
    module: str, arguments: list[str], variables: dict[str, str], tmp_path: Path
) -> None:
    environment = {**os.environ, **NEITHER, **variables}
    expected = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    done = forked.run(module, arguments, cwd=tmp_path, env=environment)
    assert (done.args, done.returncode) == (expected.args, expected.returncode)
    assert (done.stdout, done.stderr) == (expected.stdout, expected.stderr)
    merged = forked.run(module, arguments, cwd=tmp_path, env=environment, merged=True)
    assert sorted(merged.stdout.splitlines()) == sorted((done.stdout + done.stderr).splitlines())


def test_a_run_that_takes_too_long_is_ended_and_the_next_one_runs(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        forked.run("pos_loader", ["--help"], cwd=tmp_path, env=os.environ, timeout=0.001)
    assert forked.run("pos_loader", ["--help"], cwd=tmp_path, env=os.environ).returncode == 0
