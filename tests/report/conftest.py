"""Pages written by the command itself, and a browser to look at them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from pos_sandbox.cluster import Endpoints
from tests.loader.running import Finished, Loader
from tests.report.reading import Page
from tests.truth import read_truth
from tests.warehouse import DATA_SETS, Warehouse

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Report:
    """A run of `pos-loader report` and what it wrote; `truth` holds figures worked out elsewhere, if any."""

    warehouse: Warehouse
    truth: dict[str, Any]
    finished: Finished
    path: Path
    charts: Path

    @property
    def html(self) -> str:
        """The page's text."""
        return self.path.read_text(encoding="utf-8")

    @property
    def page(self) -> Page:
        """The page, parsed."""
        return Page.of(self.html)


def apart(warehouse: Warehouse, folder: Path) -> Warehouse:
    """The same marts with a target folder of its own, so that what others leave there does not matter."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("manifest.json", "run_results.json"):
        shutil.copy(warehouse.target_path / name, folder)
    return replace(warehouse, target_path=folder)


@pytest.fixture(scope="session")
def reports() -> dict[str, Report]:
    """The pages written so far, by schema: a parametrized fixture keeps its last value only."""
    return {}


@pytest.fixture(
    scope="session", params=[None, *DATA_SETS], ids=lambda folder: folder.name if folder else "sample"
)
def report(
    request: pytest.FixtureRequest,
    cluster: Endpoints,
    data_warehouse: Callable[[Path], Warehouse],
    tmp_path_factory: pytest.TempPathFactory,
    reports: dict[str, Report],
) -> Report:
    """The page of a data set with its charts, from marts that are not published."""
    source: Path | None = request.param
    warehouse = data_warehouse(source) if source else request.getfixturevalue("sample_warehouse")
    if warehouse.schema not in reports:
        folder = tmp_path_factory.mktemp("report")
        loader = Loader(apart(warehouse, folder), cluster.mongo_uri, "test_report_nothing")
        finished = loader.done("report", "--charts", str(folder / "charts"))
        truth = read_truth(source) if source else {}
        reports[warehouse.schema] = Report(
            warehouse, truth, finished, folder / "report.html", folder / "charts"
        )
    return reports[warehouse.schema]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium or Chrome, as the system has it."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert program, f"none of {', '.join(BROWSERS)} is installed"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, chromium_sandbox=False)
        yield opened
        opened.close()


@pytest.fixture
def own_report(
    sample_warehouse: Warehouse, servers: Endpoints, tmp_path: Path, mongo_database: str
) -> Callable[..., Loader]:
    """Makes loaders of the sample's marts with a target folder and a MongoDB database of their own."""

    def make(uri: str = servers.mongo_uri) -> Loader:
        return Loader(apart(sample_warehouse, tmp_path / "target"), uri, mongo_database)

    return make
