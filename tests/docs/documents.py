"""Reads the documents: their code blocks, tables and links."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def tracked_files() -> tuple[Path, ...]:
    """Every file of the project that git tracks or would (new, not ignored), relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = sorted({Path(name) for name in listed.stdout.split("\0") if name})
    return tuple(path for path in paths if (PROJECT / path).is_file())


DOCUMENTS = tuple(path for path in tracked_files() if path.suffix == ".md" and path.parts[0] != "models")


def read(document: Path | str) -> str:
    """The text of a document, named relative to the project's root."""
    return (PROJECT / document).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Block:
    """A fenced code block."""

    document: Path
    language: str
    text: str


def blocks(document: Path, language: str) -> tuple[Block, ...]:
    """The fenced blocks of one language."""
    fenced = re.findall(r"^```(\w+)\n(.*?)^```$", read(document), flags=re.DOTALL | re.MULTILINE)
    return tuple(Block(document, language, text) for found, text in fenced if found == language)


def commands(document: Path) -> Iterator[str]:
    """Each single command of a document's sh blocks, without comments."""
    for block in blocks(document, "sh"):
        for line in block.text.splitlines():
            bare = re.sub(r"(^|\s)#.*", "", line)
            yield from filter(None, map(str.strip, re.split(r"&&|\||;", bare)))


def table(document: str, head: str) -> list[list[str]]:
    """The cells of the body of the Markdown table whose first heading is `head`."""
    lines = iter(read(document).splitlines())
    for line in lines:
        if line.startswith(f"| {head} |"):
            next(lines)
            body: list[list[str]] = []
            for row in lines:
                if not row.startswith("|"):
                    return body
                body.append([cell.strip() for cell in row.strip("|").split("|")])
            return body
    raise AssertionError(f"{document} has no table that begins with {head!r}")


def code(cells: list[str]) -> list[str]:
    """Everything set as code in cells."""
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
