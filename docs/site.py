"""Hooks of the site (https://www.mkdocs.org/user-guide/configuration/#hooks) for files outside `docs`."""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

from mkdocs.structure.files import File

LINEAGE = Path("target/docs/static_index.html")
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s:#]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add dbt's own site, the one page that `dbt docs generate --static` writes."""
    files.append(File.generated(config, "lineage.html", abs_src_path=str(LINEAGE.resolve())))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Name the project's files that are not on the site, instead of linking to them."""

    def outside(link: re.Match[str]) -> str:
        target = normpath(join(dirname(page.file.src_uri), link[2]))
        return f"`{link[1]}`" if target.startswith("..") else link[0]

    return LINK.sub(outside, markdown)
