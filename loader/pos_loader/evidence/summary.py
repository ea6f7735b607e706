"""The step summary of GitHub Actions: a run as a Markdown table.

Source: https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions#adding-a-job-summary
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

from pos_loader import tables
from pos_loader.load_results import Outcome

VARIABLE = "GITHUB_STEP_SUMMARY"


def append(outcome: Outcome, path: Path) -> None:
    """Append the run to the step's summary file. Raises `OSError` where it cannot be written."""
    with path.open("a", encoding="utf-8") as file:
        file.write("\n".join(markdown(outcome)) + "\n\n")


def markdown(outcome: Outcome) -> Iterator[str]:
    """Yield the lines of a run's summary."""
    yield f"### pos-loader {outcome.command}: {outcome.status}"
    yield ""
    if outcome.error:
        yield f"> {_cell(outcome.error)}"
        yield ""
    yield _row(tables.HEADS)
    yield _row(["---"] * len(tables.HEADS))
    for collection in outcome.collections:
        yield _row(tables.row(collection))
    yield ""
    yield (
        f"load `{outcome.load_id}`, dbt invocation `{outcome.dbt_invocation}`, {outcome.seconds:.1f} s, "
        f"exit code {outcome.exit_code}"
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|")
