"""What the processes of one test session share, and what a killed session leaves."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pos_sandbox import single
from pos_sandbox.process import alive, running
from tests import session
from tests.warehouse import PROJECT

JOIN = "import sys; from tests import session; session.begin(); print(session.folder(), flush=True); {}"


@pytest.fixture
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A session of the test's own, in a folder of its own."""
    made = tmp_path / f"{session.PREFIX}abc123"
    made.mkdir()
    monkeypatch.setenv(session.VARIABLE, str(made))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def process(code: str, **environment: str) -> subprocess.Popen[str]:
    """Start a process that begins or joins a session and says which folder it has."""
    return subprocess.Popen(
        [sys.executable, "-c", JOIN.format(code)],
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.usefixtures("_elsewhere")
def test_what_is_half_made_is_made_again_and_what_is_made_is_kept() -> None:
    made: list[str] = []

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no room")

    def make(folder: Path) -> None:
        made.append("once")
        (folder / "whole").touch()

    with pytest.raises(OSError, match="no room"):
        session.once("thing", fail)
    for _ in range(2):
        assert [path.name for path in session.once("thing", make).iterdir()] == ["whole"]
    assert made == ["once"]


@pytest.mark.usefixtures("_elsewhere")
def test_a_process_waits_no_longer_than_the_deadline_and_names_what_it_waits_for() -> None:
    code = "session.once('thing', lambda folder: print('making', flush=True) or sys.stdin.read())"
    maker = process(code)
    assert maker.stdout
    maker.stdout.readline()
    maker.stdout.readline()
    path = session.folder() / "thing.lock"
    line = f"waited 0 s for the thing, which process {maker.pid} makes ({path})"
    with pytest.raises(TimeoutError, match=re.escape(line)), session.locked(path, "the thing", seconds=0):
        pass
    maker.kill()
    maker.communicate()
    assert [*session.once("thing", lambda folder: (folder / "whole").touch()).iterdir()]


@pytest.mark.usefixtures("_elsewhere")
def test_a_schema_belongs_to_the_process_that_claimed_it() -> None:
    first = process("session.claim('test_x'); print('claimed', flush=True); sys.stdin.read()")
    assert first.stdout
    first.stdout.readline()
    first.stdout.readline()
    with pytest.raises(AssertionError, match="schema test_x is another test file's"):
        session.claim("test_x")
    session.claim("test_y")
    session.claim("test_y")
    first.kill()
    first.communicate()
    session.claim("test_x")


@pytest.mark.usefixtures("_elsewhere")
def test_a_session_is_removed_when_its_last_process_was_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(session.VARIABLE)
    code = "print(session.native_uri(), flush=True); sys.stdin.read()"
    first = process(code, TMPDIR=str(tmp_path))
    assert first.stdout
    folder = Path(first.stdout.readline().strip())
    second = process(code, **{session.VARIABLE: str(folder)})
    assert second.stdout
    assert second.stdout.readline().strip() == str(folder)
    assert first.stdout.readline() == second.stdout.readline() != "", "they share the native MongoDB"
    (native,) = running([single.server(folder / session.NATIVE, 0, cache_gb=0)]).values()
    monkeypatch.setenv(session.VARIABLE, str(tmp_path))
    for killed in (first, second):
        session._remove_dead_sessions()
        assert folder.exists()
        assert alive(native)
        killed.kill()
        killed.communicate()
    session._remove_dead_sessions()
    assert not folder.exists()
    assert not alive(native)
