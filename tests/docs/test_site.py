"""`make docs` builds every guide and dbt's lineage as one site that needs no network."""

import re
import subprocess

import yaml

from tests.docs.documents import DOCUMENTS, PROJECT, read
from tests.warehouse import Warehouse

SITE = PROJECT / "target" / "site"


def test_the_site_has_every_guide_and_the_lineage(sample_warehouse: Warehouse) -> None:
    stamp = sample_warehouse.query("select * from dbt_build_stamp")
    guides = {path.relative_to("docs") for path in DOCUMENTS if path.is_relative_to("docs")}
    nav = re.findall(r"([\w/-]+\.md)", yaml.safe_dump(yaml.safe_load(read("mkdocs.yml"))["nav"]))
    assert sorted(map(str, guides)) == sorted(nav)

    made = subprocess.run(
        ["make", "docs"],
        cwd=PROJECT,
        env=sample_warehouse.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert made.stdout.splitlines()[-1] == "open target/site/index.html"
    assert sample_warehouse.query("select * from dbt_build_stamp") == stamp, "the marts can still be loaded"
    pages = {path.relative_to(SITE).with_suffix(".md") for path in SITE.rglob("*.html")}
    assert guides - pages == {path for path in guides if path.name == "README.md"}
    lineage = (SITE / "lineage.html").read_text()
    assert "exposure.pos.customer_order_history" in lineage
    assert "One row per customer" in lineage or "one row per customer" in lineage
    index = (SITE / "index.html").read_text()
    assert re.findall(r'(?:src|<link[^>]* href)="(?:https?:)?//[^"]+"', index) == []
