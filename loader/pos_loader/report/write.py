"""`pos-loader report`: read the marts, draw, fill in the template, and write the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pos_loader.dbt.artifacts import last_run_results, read_manifest
from pos_loader.dbt.gate import failure, read_stamp
from pos_loader.declaration.spec import read_collections
from pos_loader.errors import SpecError, TableReplaced, after_failed_build
from pos_loader.report import page
from pos_loader.report.charts import draw
from pos_loader.report.charts.theme import LIGHT
from pos_loader.report.parts.blocks import Chart
from pos_loader.report.read.figures import Figures
from pos_loader.report.read.health import read_health
from pos_loader.report.read.read import QUERIES, Mart, find_marts, read_figures
from pos_loader.run.job import Progress
from pos_loader.servers import mariadb
from pos_loader.servers.mariadb import Queries
from pos_loader.servers.profile import read_profile
from pos_loader.settings import Settings

BAR, DRAWN = "report", "page"


@dataclass(frozen=True)
class Written:
    """What was written: the page, its size in bytes, and the files of the charts."""

    path: Path
    bytes: int
    charts: tuple[Path, ...]

    @property
    def notes(self) -> Iterator[str]:
        """Say what was written, beside the path."""
        if self.charts:
            yield f"wrote {len(self.charts)} files of charts to {self.charts[0].parent}"
        yield f"wrote {self.path}, {self.bytes / 1e6:.2f} MB"


def write_report(settings: Settings, *, output: Path, charts: Path | None, progress: Progress) -> Written:
    """Read the marts and write the page; with `charts`, write an SVG and a PNG of each chart too.

    Each file is written in one step, so that nobody reads half a file. Raises `SpecError` where marts are
    missing or a file cannot be written, and `ConnectionFailed` where MariaDB cannot be reached. Without
    MongoDB, the page is written too.
    """
    manifest = read_manifest(settings.artifacts)
    collections = read_collections(manifest, database=settings.mongo_database)
    server = read_profile(
        settings.project_dir,
        profiles_dir=settings.profiles_dir,
        target=settings.target,
        note=progress.note,
        timeout=settings.mongo_timeout,
        allow_plain=settings.allow_plain,
    )
    latest = last_run_results(settings.artifacts)
    failed_build = failure(latest) if latest else ""
    with mariadb.connect(server) as queries:
        try:
            marts = find_marts(queries, manifest)
        except SpecError as error:
            raise after_failed_build(error, failed_build) from None
        if failed_build:
            progress.note(f"{failed_build}; the page shows marts of several builds")
        progress.start(BAR, rows=QUERIES, unit="queries")
        found = _read(queries, marts, lambda: progress.advance(BAR, rows=1))
        health = read_health(settings, queries, collections)
    sections = page.sections_of(found, health)
    shown = list(page.charts_of(sections))
    progress.start(DRAWN, rows=len(shown), unit="charts")
    drawn = page.drawings(shown, lambda: progress.advance(DRAWN, rows=1))
    html = page.render(found, sections, drawn, marts, schema=server.schema, made_at=datetime.now(UTC))
    try:
        exported = tuple(_export(shown, charts)) if charts else ()
        size = _write(output, html.encode())
    except OSError as error:
        raise SpecError(
            f"cannot write {error.filename}: {error.strerror}", fix="name another place"
        ) from None
    return Written(output, size, exported)


def _read(queries: Queries, marts: Mapping[str, Mart], step: Callable[[], None]) -> Figures:
    """Read the figures of one build: raise `SpecError` if a build runs, or one began during the reading."""
    rebuilt = SpecError(
        "the marts are being rebuilt",
        where=f"MariaDB at {queries.server.address}",
        fix="wait for dbt, or run it again if it was killed",
    )
    before = read_stamp(queries, queries.server.schema)
    if before and before.state == "running":
        raise rebuilt
    try:
        found = read_figures(queries, marts, step)
    except TableReplaced:
        raise rebuilt from None
    by_month = (found.months, found.order_months, found.customer_months)
    if read_stamp(queries, queries.server.schema) != before or len({*map(len, by_month)}) > 1:
        raise rebuilt
    return found


def _export(shown: Sequence[Chart], folder: Path) -> Iterator[Path]:
    """Write each chart as SVG and PNG, in the light colours; yield the files."""
    for chart in shown:
        picture = draw.svg({**chart.spec(LIGHT, page.width_of(chart)), "background": LIGHT["card"]})
        for suffix, content in (("svg", picture.encode()), ("png", draw.png(picture))):
            path = folder / f"{chart.key}.{suffix}"
            _write(path, content)
            yield path


def _write(path: Path, content: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.tmp")
    partial.write_bytes(content)
    partial.replace(path)
    return len(content)
