"""Links lead somewhere, and no file names a registry's host or a path of somebody's machine."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.docs.documents import DOCUMENTS, PROJECT, blocks, read, tracked_files

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HOSTS: tuple[str, ...] = (
    "py" + "pi.org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "npm" + "js.com",
    "docker" + ".io",
)
HOSTS += ("deb.debian" + ".org", "security.debian" + ".org", "snapshot.debian" + ".org", "ghcr" + ".io")
MACHINE = re.compile(r"(?<![\w.~>-])/" + r"(?:work|tmp|root|home|opt)/")


def anchor(heading: str) -> str:
    """The fragment a heading gets: lower case, punctuation dropped, spaces as hyphens."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_resolve(document: Path) -> None:
    for link in LINK.findall(read(document)):
        if re.match(r"https?:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (PROJECT / document).parent / path if path else PROJECT / document
        assert target.exists(), f"{document} links to {link}"
        if fragment:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert fragment in map(anchor, headings), f"{document} links to {link}"


@pytest.mark.parametrize("path", tracked_files(), ids=str)
def test_a_file_names_no_registry_and_no_machine(path: Path) -> None:
    text = (PROJECT / path).read_bytes().decode("utf-8", errors="replace")
    assert [host for host in HOSTS if host in text] == []
    assert MACHINE.findall(text) == []


def test_the_lock_is_hashed_and_covers_what_is_declared() -> None:
    lock = read("requirements.txt")
    pinned = re.findall(r"^([a-z0-9._-]+)==", lock, flags=re.MULTILINE)
    entries = re.split(r"^(?=[a-z0-9._-]+==)", lock, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pinned) > 50
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"^--?\w.*|://", lock, flags=re.MULTILINE) == []
    groups = tomllib.loads(read("pyproject.toml"))["dependency-groups"]
    projects = (
        tomllib.loads(read(f"{each}/pyproject.toml"))["project"] for each in ("adapter", "loader", "sandbox")
    )
    declared = [*groups["dbt"], *groups["dev"], *(each for one in projects for each in one["dependencies"])]
    wanted = {re.split(r"[<>=~\[ ]", each)[0].lower().replace("_", "-") for each in declared}
    assert wanted - set(pinned) == set()


def test_pre_commit_and_the_workflow_run_what_make_lint_runs() -> None:
    recipe = re.search(r"^lint: .*\n((?:\t.*\n)+)", read("Makefile"), flags=re.MULTILINE)
    assert recipe
    programs = {line.strip(" \t@").split()[0] for line in recipe[1].splitlines()}
    hooks = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    assert {Path(hook["entry"].split()[0]).name for hook in hooks} == programs
    workflow = yaml.safe_load(read(".github/workflows/ci.yml"))
    steps = [step["run"].split()[0] for step in workflow["jobs"]["lint"]["steps"] if "run" in step]
    assert set(steps) - {"python"} == programs


def test_the_guide_installs_and_publishes_as_the_workflow_does() -> None:
    steps = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]["publish"]["steps"]
    run = [line for step in steps for line in step.get("run", "").splitlines()]
    (shown,) = (each.text for each in blocks(Path("docs/servers.md"), "sh") if "docker compose" in each.text)
    lines = [re.sub(r" +#.*", "", line) for line in shown.splitlines()]
    assert lines[:2] == ["python3 -m venv .venv", "source .venv/bin/activate"]
    assert lines[2:] == run[: run.index("dbt build && pos-loader load") + 1]
