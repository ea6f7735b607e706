"""The command and what it writes: one file, escaped, whatever is missing around it."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import combinations, pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from pos_loader.dbt.gate import Stamp
from pos_loader.load_results import Moment
from pos_loader.report import page as pages
from pos_loader.report import write
from pos_loader.report.charts.names import drawable, product_name
from pos_loader.report.charts.theme import DARK, LIGHT
from pos_loader.report.parts.words import change, money, relative_change
from pos_loader.report.read import read
from pos_loader.report.read.figures import Figures, Totals
from pos_loader.report.read.health import Health
from pos_loader.report.read.numbers import COUNTS, RANGES
from pos_loader.report.read.read import Mart
from pos_loader.report.sections.loads import PAINTS
from pos_loader.servers.mariadb import connect
from pos_loader.servers.profile import MariaDB
from tests.loader.running import Loader
from tests.loader.running import connect as connect_mongo
from tests.report.conftest import Report
from tests.report.reading import Page
from tests.warehouse import PROJECT, Warehouse

NOWHERE = "mongodb://127.0.0.1:1"
UNKNOWN = Health(None, "no results", "", None, "no load", (), "", (), "MongoDB does not answer")
HOSTILE = '<script>alert(1)</script>&amp;\'"\x00\x1b\ufffe role="img"'


def read_sample(warehouse: Warehouse) -> tuple[Figures, dict[str, Mart], int]:
    """The sample's figures, and how many queries they took."""
    taken = 0

    def step() -> None:
        nonlocal taken
        taken += 1

    server = MariaDB(warehouse.host, warehouse.port, warehouse.user, warehouse.password, warehouse.schema)
    names = {name: Mart(name, f"`{warehouse.schema}`.`{name}`", "") for name in read.MARTS}
    with connect(server) as queries:
        return read.read_figures(queries, names, step), names, taken


def copied(warehouse: Warehouse, schema: str) -> Warehouse:
    """The marts copied to another schema, to be changed."""
    for name in read.MARTS:
        warehouse.query(f"create table `{schema}`.{name} as select * from {name}")
    return replace(warehouse, schema=schema)


def render(found: Figures, marts: dict[str, Mart], health: Health = UNKNOWN) -> str:
    sections = pages.sections_of(found, health)
    drawn = pages.drawings(list(pages.charts_of(sections)), lambda: None)
    return pages.render(found, sections, drawn, marts, schema="shop", made_at=datetime.now(UTC))


def test_stdout_is_the_path_and_stderr_the_size(report: Report) -> None:
    assert report.finished.stdout == f"{report.path}\n"
    size = report.path.stat().st_size
    lines = report.finished.stderr.splitlines()
    assert lines[-1] == f"pos-loader: wrote {report.path}, {size / 1e6:.2f} MB"
    assert 50_000 < size < 3_000_000


def test_it_needs_nothing_else(report: Report) -> None:
    page = report.page
    assert [page.tags[tag] for tag in ("link", "script", "img", "iframe", "style")] == [1, 1, 0, 0, 1]
    assert [link for link in page.links if not link.startswith("#")] == []
    assert re.findall(r"""(?:src|href)\s*=\s*["']?(?!["'#]|data:,)|url\(|@import""", report.html) == []


def test_headings_are_in_order_and_links_lead_somewhere(report: Report) -> None:
    page = report.page
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert {f"mart-{name}" for name in read.MARTS} <= set(page.ids)


def test_every_chart_says_what_it_shows_and_has_its_data(report: Report) -> None:
    page = report.page
    assert len(page.images) == 2 * page.tags["details"] >= 2 * 11
    assert all(re.search(r"\d", text) and "<" not in text for text in page.images)


def test_charts_are_exported_for_slides(report: Report) -> None:
    files = sorted(report.charts.iterdir())
    keys = {path.stem for path in files}
    assert len(files) == 2 * len(keys)
    assert {"revenue-by-month", "cohort-retention", "abc-curve"} <= keys <= set(report.page.ids)
    for path in files:
        if path.suffix == ".png":
            width, height = struct.unpack(">II", path.read_bytes()[16:24])
            assert (width >= 800, height >= 100) == (True, True), path
        else:
            drawing = path.read_text(encoding="utf-8")
            assert "var(" not in drawing
            assert any(LIGHT[name] in drawing for name in ("first", "heat"))
            assert ElementTree.fromstring(drawing).tag.endswith("svg")  # noqa: S314


def test_the_load_and_the_build_are_there(own_report: Callable[..., Loader]) -> None:
    loader = own_report()
    load = loader.done("load", "--json").json
    loader.done("report", "--quiet")
    page = Page.of((loader.warehouse.target_path / "report.html").read_text(encoding="utf-8"))
    shards = {str(row[0]): row[2:] for row in page.tables["Documents per shard"]}
    assert shards == {
        each["namespace"]: [Decimal(share["documents"]) for _, share in sorted(each["shards"].items())]
        for each in load["collections"]
    }
    results = loader.warehouse.artifact("run_results")
    tests = [each["status"] for each in results["results"] if each["unique_id"].startswith("test.")]
    assert any(
        note.startswith(
            f"{len(tests)} tests: {tests.count('pass')} passed, {tests.count('warn')} warned, 0 failed;"
        )
        and results["metadata"]["invocation_id"] in note
        for note in page.notes
    )
    assert any(
        f"Load {load['load_id']} succeeded" in note and "of the build above" in note for note in page.notes
    )
    assert page.tables["Last loads"][0][3] == load["load_id"]

    with connect_mongo(loader.mongo_uri) as client:
        foreign = client[loader.database]["customer_segments"]
        foreign.drop()
        foreign.insert_one({"somebody": "else"})
    loader.done("report", "--quiet")
    page = Page.of((loader.warehouse.target_path / "report.html").read_text(encoding="utf-8"))
    assert "Not published by this loader, and left out here: customer_segments." in page.notes
    assert {str(row[0]) for row in page.tables["Documents per shard"]} == set(shards) - {foreign.full_name}


def test_without_mongodb_the_page_says_so(own_report: Callable[..., Loader]) -> None:
    loader = own_report(NOWHERE)
    finished = loader.done("report", POS_MONGO_TIMEOUT="0.3")
    page = Page.of((loader.warehouse.target_path / "report.html").read_text(encoding="utf-8"))
    assert any("MongoDB at mongodb://127.0.0.1:1 does not answer" in note for note in page.notes)
    assert "Revenue by month" in page.tables
    assert finished.stderr.count("\n") == 1


def test_results_that_are_missing_or_broken_are_said(own_report: Callable[..., Loader]) -> None:
    loader = own_report(NOWHERE)
    (loader.warehouse.target_path / "run_results.json").unlink()
    loader.results.write_text('{"status": "succeeded"}')
    assert loader.invoke("report", POS_MONGO_TIMEOUT="0.3").code == 0
    notes = Page.of((loader.warehouse.target_path / "report.html").read_text(encoding="utf-8")).notes
    assert "dbt's results are not known: run_results.json is missing." in notes
    assert "The last load is not known: load_results.json is not the result of a load." in notes


def test_of_a_failed_load_only_what_it_showed_is_verified(own_report: Callable[..., Loader]) -> None:
    loader = own_report(NOWHERE)
    counts = {"documents": 7, "inserted": 7, "replaced": 0, "deleted": 0}
    modes = [("shown", "sync"), ("failed", "failed"), ("refused", "refused")]
    run: dict[str, Any] = {
        **{"command": "load", "load_id": "one", "status": "failed", "dbt_invocation": "x", "error": "full"},
        "finished_at": "2026-01-02T03:04:05+00:00",
        "collections": [{"namespace": f"pos.{name}", "mode": mode} for name, mode in modes],
    }
    run["collections"][0] |= counts
    run["collections"][1] |= dict.fromkeys(counts, 0) | {"refused": ""}
    run["collections"][2] |= dict.fromkeys(counts, 0) | {"refused": "a test failed"}
    loader.results.write_text(json.dumps(run))
    assert loader.invoke("report", POS_MONGO_TIMEOUT="0.3").code == 0
    page = Page.of((loader.warehouse.target_path / "report.html").read_text(encoding="utf-8"))
    assert page.tables["What it did"] == [
        ["pos.shown", "sync", *map(Decimal, counts.values()), "every byte"],
        ["pos.failed", "failed", *["\N{EN DASH}"] * 4, "no"],
        ["pos.refused", "refused", *["\N{EN DASH}"] * 4, "a test failed"],
    ]


def test_failed_tests_are_named(own_report: Callable[..., Loader]) -> None:
    loader = own_report(NOWHERE)
    path = loader.warehouse.target_path / "run_results.json"
    results = json.loads(path.read_text())
    broken = next(each for each in results["results"] if each["unique_id"].startswith("test."))
    broken |= {"status": "fail", "message": "Got 3 results <b>", "failures": 3}
    results["metadata"]["invocation_id"] = "another"
    path.write_text(json.dumps(results))
    assert loader.invoke("report", POS_MONGO_TIMEOUT="0.3").code == 0
    page = Page.of((loader.warehouse.target_path / "report.html").read_text(encoding="utf-8"))
    assert page.tables["Not simply passed"] == [
        [broken["unique_id"].split(".")[2], "fail", "Got 3 results <b>"]
    ]
    assert any("the artifacts are of another" in note for note in page.notes)


def test_missing_marts_are_one_line(own_report: Callable[..., Loader], mariadb_schema: str) -> None:
    loader = own_report(NOWHERE)
    path = loader.warehouse.target_path / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["nodes"]["model.pos.rpt_inventory"]["schema"] = mariadb_schema
    del manifest["nodes"]["model.pos.rpt_product_pairs"]
    path.write_text(json.dumps(manifest))
    finished = loader.invoke("report")
    assert finished.code == 2
    assert re.fullmatch(
        r"marts that the report needs are missing: rpt_product_pairs, rpt_inventory "
        r"\(schema \w+ of MariaDB at [\w.:]+\); run dbt build first",
        finished.error,
    )
    assert not (loader.warehouse.target_path / "report.html").exists()


REBUILT = (
    r"the marts are being rebuilt \(MariaDB at [\w.:]+\); wait for dbt, or run it again if it was killed"
)


@pytest.mark.parametrize(
    "seen",
    [
        (Stamp("one", "finished"), Stamp("another", "running")),
        (Stamp("one", "running"), Stamp("one", "finished")),
        (Stamp("one", "running"), Stamp("one", "running")),
    ],
)
def test_a_build_while_it_reads_is_one_line(
    seen: tuple[Stamp, Stamp], own_report: Callable[..., Loader], monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps = iter(seen)
    monkeypatch.setattr(write, "read_stamp", lambda *_: next(stamps))
    loader = own_report(NOWHERE)
    finished = loader.invoke("report")
    assert (finished.code, re.fullmatch(REBUILT, finished.error) is not None) == (2, True)
    assert not (loader.warehouse.target_path / "report.html").exists()


def test_months_of_two_builds_are_one_line(own_report: Callable[..., Loader], mariadb_schema: str) -> None:
    loader = own_report(NOWHERE)
    name = "rpt_new_returning_monthly"
    loader.warehouse.query(
        f"create table `{mariadb_schema}`.{name} as select * from {name} order by placed_month limit 3"
    )
    path = loader.warehouse.target_path / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["nodes"][f"model.pos.{name}"]["schema"] = mariadb_schema
    path.write_text(json.dumps(manifest))
    finished = loader.invoke("report")
    assert (finished.code, re.fullmatch(REBUILT, finished.error) is not None) == (2, True)


def test_a_place_that_cannot_be_written_is_one_line(own_report: Callable[..., Loader]) -> None:
    loader = own_report(NOWHERE)
    occupied = loader.warehouse.target_path / "manifest.json"
    finished = loader.invoke("report", "--output", str(occupied / "report.html"), POS_MONGO_TIMEOUT="0.3")
    assert (finished.code, finished.error.startswith("cannot write ")) == (2, True)


def test_names_are_text_wherever_they_are_shown(sample_warehouse: Warehouse) -> None:
    found, marts, taken = read_sample(sample_warehouse)
    assert taken == read.QUERIES
    hostile = replace(
        found,
        states=(replace(found.states[0], state=HOSTILE), *found.states[1:]),
        cities=(replace(found.cities[0], city=HOSTILE), *found.cities[1:]),
        products=(replace(found.products[0], product_name=HOSTILE), *found.products[1:]),
        customers=(replace(found.customers[0], first_name=HOSTILE), *found.customers[1:]),
        pairs=(replace(found.pairs[0], product_name=HOSTILE), *found.pairs[1:]),
    )
    plain, page = Page.of(render(found, marts)), Page.of(render(hostile, marts))
    assert page.tags == plain.tags
    assert page.tables["Revenue by city"][0][0] == " ".join(HOSTILE.split())
    assert "<script>alert(1)</script>" in str(
        page.tables["Customers with the highest lifetime revenue"][0][0]
    )
    assert len(page.images) == len(plain.images)


def test_a_shop_without_orders_has_a_page() -> None:
    empty: dict[str, Any] = {
        each.name: 0 if each.name.startswith("count_") else () for each in fields(Figures)
    }
    empty["counts"] = [[None] * len(asked) for asked in COUNTS.values()]
    empty["ranges"] = [[(None, None)] * len(asked) for asked in RANGES.values()]
    empty["totals"] = Totals(0, 0, 0, 0, 0, 0, 0, Decimal(0))
    page = Page.of(render(Figures(**empty), {}))
    assert (page.images, page.tags["svg"]) == ([], 0)
    assert page.figures["total revenue"] == 0
    assert len(page.headings) >= 14


def test_products_and_customers_without_orders_have_a_page(sample_warehouse: Warehouse) -> None:
    found, marts, _ = read_sample(sample_warehouse)
    idle = replace(
        found,
        months=(),
        days=(),
        order_months=(),
        customer_months=(),
        cohorts=(),
        tenths=(),
        pairs=(),
        unusual=(),
    )
    page = Page.of(render(idle, marts))
    assert "Products with the highest revenue" in page.tables
    assert "Revenue by month" not in page.tables
    assert any("as many orders as the variable pairs_minimum_orders asks for" in note for note in page.notes)


def test_unknown_is_no_place_that_comes_first(sample_warehouse: Warehouse) -> None:
    found, marts, _ = read_sample(sample_warehouse)
    state, city = found.states[0], found.cities[0]
    unknown = replace(state, state="Unknown"), replace(city, city="Unknown", state="Unknown")
    both = replace(found, states=(unknown[0], state), cities=(unknown[1], city), count_known_cities=1)
    page = Page.of(render(both, marts))
    assert any(note.startswith(f"{state.state} is the only known state with ") for note in page.notes)
    place = f"{city.city}, {city.state}"
    assert any(note.startswith(f"{place} is the only known city with ") for note in page.notes)
    page = Page.of(render(replace(found, states=unknown[:1], cities=unknown[1:]), marts))
    assert page.notes.count("No sale has a known place.") == 2


def test_the_unknown_member_is_what_the_project_says(
    sample_warehouse: Warehouse, mariadb_schema: str
) -> None:
    own = copied(sample_warehouse, mariadb_schema)
    own.query("update rpt_unusual_orders set customer_id = -1 order by order_total desc limit 1")
    found, _, _ = read_sample(own)
    for mart in ("fct_orders", "fct_order_lines", "rpt_unusual_orders"):
        own.query(f"update {mart} set customer_id = -7 where customer_id = -1")
    own.query("update rpt_product_sales set product_id = -7 where product_id = -1")
    renamed, marts, _ = read_sample(own)
    assert renamed == found
    assert Page.of(render(renamed, marts)).tables["Unusual orders with the highest totals"][0][1] == "unknown"
    assert product_name(-7, None, is_known=False) == "unknown product -7"


def test_a_large_catalogues_curve_has_every_class_to_its_last_product(
    sample_warehouse: Warehouse, mariadb_schema: str
) -> None:
    own = copied(sample_warehouse, mariadb_schema)
    own.query(
        "create or replace table rpt_product_sales as select seq as product_id, 'tea' as product_name, "
        "true as is_known_product, 1 as count_orders, 1 as count_customers, 1 as total_units, "
        "0 as returned_units, 5000 - seq as revenue, 0.1 as revenue_share, false as is_never_sold, "
        "null as last_sold_at, "
        "if(seq <= 3, 'A', if(seq <= 505, 'B', 'C')) as abc_class, seq as revenue_rank, "
        "seq as least_sold_rank, 0.5 as cumulative_revenue_share from seq_1_to_1300"
    )
    found, _, _ = read_sample(own)
    assert {each.abc_class: each.position for each in found.curve} == {"A": 3, "B": 505, "C": 1300}
    assert len(found.curve) < 140


def test_loads_that_are_not_known_are_said(sample_warehouse: Warehouse) -> None:
    found, marts, _ = read_sample(sample_warehouse)
    health = replace(UNKNOWN, runs_fault="the last loads are not known: query failed")
    assert "The last loads are not known: query failed." in Page.of(render(found, marts, health)).notes


def test_the_moment_of_a_live_shop_is_named(sample_warehouse: Warehouse) -> None:
    found, marts, _ = read_sample(sample_warehouse)
    moment = Moment("snapshot", "0-1-10", "2026-11-28T12:00:00.000000Z")
    collections = [
        {"namespace": "pos.one", "mode": "sync", "moment": asdict(moment)},
        {"namespace": "pos.two", "mode": "failed", "moment": None},
    ]
    load = {"load_id": "1", "status": "failed", "finished_at": moment.at, "dbt_invocation": "2"}
    health = replace(UNKNOWN, load={**load, "collections": collections}, moment=moment)
    page = Page.of(render(found, marts, health))
    assert f"The figures are those of the shop as of {moment}." in page.notes
    assert [row[-1] for row in page.tables["What it did"]] == [str(moment), "not known"]


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, from https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_keep_their_contrast(theme: dict[str, str]) -> None:
    for ground in ("paper", "card"):
        for text in ("ink", "muted", "up", "down"):
            assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
    for mark in ("first", "second", "third", "soft"):
        assert contrast(theme[mark], theme["card"]) >= 3, mark
    assert contrast(theme["ink"], theme["heat"]) >= 4.5
    assert len(set(PAINTS)) == len(PAINTS) >= 8
    for one, other in (*combinations(("first", "second", "third"), 2), *pairwise(PAINTS)):
        assert contrast(theme[one], theme[other]) >= 1.5, (one, other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1122.5325", "1,122.53"),
        ("-0.005", "\N{MINUS SIGN}0.0050"),
        ("74683964.57", "74,683,964.57"),
        ("0", "0.00"),
    ],
)
def test_money_is_spelled_to_the_cent_and_kept_exactly(value: str, text: str) -> None:
    assert money(Decimal(value)) == f'<data value="{value}">{text}</data>'


def test_a_label_keeps_what_xml_can_hold() -> None:
    kept = "a\N{NO-BREAK SPACE}b\N{IDEOGRAPHIC SPACE}c\N{ZERO WIDTH JOINER}d\te\nf"
    assert drawable(kept) == kept
    assert drawable("\x00\x1b\x9b\ud800\ufffe\uffff") == "\N{REPLACEMENT CHARACTER}" * 6


def test_a_change_has_a_sign_and_none_has_words() -> None:
    assert "+4.2\N{NO-BREAK SPACE}%" in change(relative_change(Decimal("104.2"), Decimal(100)))
    assert "\N{MINUS SIGN}50.0\N{NO-BREAK SPACE}%" in change(relative_change(1, 2))
    assert "no comparison" in change(relative_change(1, 0))


def test_every_mart_of_the_project_is_on_the_page_or_weekly() -> None:
    reports = {path.stem for path in (PROJECT / "models" / "marts" / "reports").glob("*.sql")}
    assert reports - set(read.REPORTS) == {"rpt_revenue_weekly"}
