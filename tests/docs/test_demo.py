"""`make demo` prints what the README shows; of the numbers, only dbt's counts have to be equal."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from pos_sandbox.cluster import Sandbox
from tests.docs.documents import PROJECT, blocks


def spelled(text: str) -> str:
    """Text with placeholders for identifiers and numbers, and without the padding they cause."""
    text = re.sub(r"\b[0-9a-f]{16}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID", text)
    text = re.sub(r"MariaDB\S*", "MariaDB", text)
    text = re.sub(r"\d[\d.,]*\d|\d", "0", text)
    return re.sub(r" +", " ", text).strip()


def counted(text: str) -> list[str]:
    """dbt's lines with the number of nodes of each kind, and how they ended."""
    return re.findall(r"^Finished running .* hooks|^Done\. PASS.*$", text, flags=re.MULTILINE)


def first_missing(shown: str, printed: str) -> str | None:
    """The first line of `shown` that `printed` lacks at its place; `...` stands for any text."""
    lines = shown.splitlines()
    for end in range(1, len(lines) + 1):
        pattern = re.escape("\n".join(lines[:end])).replace(re.escape("..."), ".*")
        if not re.search(rf"^{pattern}", printed, flags=re.DOTALL | re.MULTILINE):
            return lines[end - 1]
    return None


def test_a_line_that_is_not_printed_is_named() -> None:
    assert first_missing("a\n...\nd", "x\na\nb\nc\nd") is None
    assert first_missing("a\nc\nd", "a\nb\nc\nd") == "c"


@pytest.fixture
def printed(request: pytest.FixtureRequest) -> str:
    """What `make demo` prints; POS_TEST_DEMO names the output of one that has run."""
    saved = os.environ.get("POS_TEST_DEMO")
    return Path(saved).read_text(encoding="utf-8") if saved else run_demo(request)


def run_demo(request: pytest.FixtureRequest) -> str:
    """Run the demo on the session's servers."""
    sandbox: Sandbox = request.getfixturevalue("session_sandbox")
    database: str = request.getfixturevalue("mongo_database")
    folder: Path = request.getfixturevalue("tmp_path")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POS_")} | {
        "POS_SANDBOX_DIR": str(sandbox.root),
        "POS_MONGO_DATABASE": database,
        "POS_MARIADB_SCHEMA": request.getfixturevalue("mariadb_schema"),
        "DBT_PROFILES_DIR": str(folder / "of-the-user"),  # the demo has a profile of its own
        "POS_TARGET_PATH": str(folder),
        "DBT_TARGET_PATH": str(folder),
        "DBT_LOG_PATH": str(folder),
    }
    demo = subprocess.run(
        ["make", "demo"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    return demo.stdout.replace(database, "pos")


def test_the_demo_prints_what_the_readme_shows(printed: str) -> None:
    (shown,) = blocks(Path("README.md"), "text")
    assert counted(shown.text) == counted(printed), "dbt has built another number of nodes"
    missing = first_missing(spelled(shown.text), spelled(printed))
    assert missing is None, f"the demo does not print {missing!r} where the README has it:\n{printed}"
