"""The streams of the program: closed, full, of a poor encoding, or written to by a native library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pos_loader.errors import SpecError
from pos_loader.settings import read_settings

PROJECT = Path(__file__).parents[2]
NOISE = """
import logging, os, sys, warnings
from pos_loader import streams
streams.own()
logging.getLogger("pymongo").warning("raw")
warnings.warn("raw")
os.write(2, b"raw")
print("data \u00e9 \U0001f6d2")
print("said \u00e9", file=sys.stderr)
"""


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line in which $python is this Python."""
    variables = {"PATH": "/usr/bin:/bin", "python": sys.executable, **environment}
    return subprocess.run(
        ["/bin/sh", "-c", line], cwd=PROJECT, env=variables, capture_output=True, text=True, timeout=60
    )


def test_nothing_but_ours_reaches_stderr_and_all_of_ours_is_spelled() -> None:
    ended = shell(f"$python -c '{NOISE}'", PYTHONIOENCODING="ascii")
    assert (ended.stdout, ended.stderr) == ("data \\u00e9 \\ud83d\\uded2\n", "said \\u00e9\n")


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("$python -m pos_loader query >&-", 0, ""),
        ("$python -m pos_loader query nothing 2>&-", 2, ""),
        ("$python -m pos_loader query <&- >&- 2>&-", 0, ""),
        (
            "$python -m pos_loader query > /dev/full",
            1,
            "pos-loader: error: No space left on device; solve that and run again, which is safe\n",
        ),
        ("$python -m pos_loader query | true", 0, ""),
        ("$python -m pos_loader query nothing 2>/dev/full", 2, ""),
    ],
)  # fmt: skip
def test_a_stream_that_is_closed_or_full_ends_in_a_line_at_most(line: str, code: int, said: str) -> None:
    ended = shell(line)
    assert (ended.returncode, ended.stderr) == (code, said)


def test_an_argument_that_is_no_text_is_named() -> None:
    ended = shell("$python -m pos_loader query \"$(printf 'a\\377b')\"", LC_ALL="C")
    assert ended.returncode == 2
    assert ended.stderr.startswith("pos-loader: error: no query a\\udcffb (queries.yml)")


def test_an_interrupt_while_the_program_starts_ends_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    path = f"{tmp_path}:{PROJECT}"
    ended = shell("$python -m pos_loader load", PYTHONPATH=path)
    assert (ended.returncode, ended.stderr) == (130, "pos-loader: error: interrupted; nothing was begun\n")


def test_a_line_of_the_environment_file_that_is_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("POS_TARGET=dev\n= 'x\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        SpecError, match=r"^\.env cannot be read: line 2 is no NAME=VALUE \(.*\); correct that line"
    ):
        read_settings()
