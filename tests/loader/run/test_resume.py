"""A full refresh that was killed continues where it was if that is safe; otherwise a new one starts."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
import tenacity

from pos_loader.console import Console
from pos_loader.errors import ConnectionFailed
from pos_loader.publish.builds import BUILDS
from pos_loader.run import pipeline
from pos_loader.run.job import Options
from pos_loader.run.session import open_job
from pos_loader.settings import read_settings
from pos_sandbox.cluster import Endpoints
from tests.faults.shop import Shop, shop
from tests.loader.handmade import NAME
from tests.loader.manifests import Manifest
from tests.loader.running import content, left_behind

pytestmark = pytest.mark.native

STORES = 6000
SLOWLY = ("--full-refresh", "--partition-rows", "400", "--workers", "1")


@pytest.fixture(scope="module")
def large(servers: Endpoints, manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop(servers, manifest, tmp_path_factory.mktemp("resume"), "test_resume") as found:
        found.sql(f"replace into stores select seq, 'TX', repeat('x', 20), seq from seq_1_to_{STORES}")
        yield found


def interrupted(shop: Shop) -> tuple[str, int]:
    """Kill a full refresh between its first and its last document: the build's name and its documents."""
    process = shop.loader.start("load", "--no-gate", "--quiet", *SLOWLY)
    try:
        for attempt in tenacity.Retrying(stop=tenacity.stop_after_delay(120), wait=tenacity.wait_fixed(0.02)):
            with attempt:
                (build,) = shop.documents.list_collection_names(filter={"name": {"$regex": "__build_"}})
                assert shop.documents[build].estimated_document_count() > 0
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    there = shop.documents[build].count_documents({})
    assert 0 < there < STORES
    return build, there


def resumed(shop: Shop) -> tuple[Any, str]:
    """Load with --resume: its part of the results and its notes."""
    finished = shop.loader.done("load", "--no-gate", "--json", "--resume")
    return finished.json["collections"][0], finished.stderr


def test_it_continues_where_it_was(large: Shop) -> None:
    build, there = interrupted(large)
    with large.watched(build) as changes:
        load, notes = resumed(large)
    assert f"handmade: continuing {build}" in notes
    inserted = [key for kind, key in changes if kind == "insert"]
    assert there > 0
    assert len(inserted) == len(set(inserted)) <= STORES - there
    assert STORES - len(inserted) < there + 500, "what a killed load had sent may still arrive, no more"
    assert (load["mode"], load["documents"]) == ("full refresh", STORES)
    assert large.documents[NAME].count_documents({}) == STORES
    large.loader.done("verify", "--quiet")
    assert left_behind(large.documents) + list(large.documents[BUILDS].find()) == []


def test_another_build_or_declaration_starts_a_new_one_and_says_why(large: Shop) -> None:
    build, _ = interrupted(large)
    before = large.loader.warehouse.artifact("manifest")["metadata"]["invocation_id"]
    large.change_manifest(lambda content: content["metadata"].update(invocation_id="another"))
    load, notes = resumed(large)
    assert (
        f"dropping an interrupted build: {build} was started with dbt invocation {before}, this is another"
        in notes
    )
    assert "handmade: no interrupted build to continue, starting a new one" in notes
    assert left_behind(large.documents) + list(large.documents[BUILDS].find()) == []

    build, _ = interrupted(large)
    large.declare(exclude=["city"])
    _, notes = resumed(large)
    assert f"dropping an interrupted build: {build} was started with another declaration" in notes
    assert load["documents"] == STORES


def test_a_build_that_is_not_laid_out_in_full_is_not_continued(large: Shop) -> None:
    """Killed between creating and sharding, it would be published unsharded."""
    name = f"{NAME}__build_65f0a1000000cafe"
    large.documents[BUILDS].insert_one({"_id": name, "collection": NAME})
    large.documents.create_collection(name)
    _, notes = resumed(large)
    assert f"dropping an interrupted build: {name} was not fully set up" in notes
    assert name not in large.documents.list_collection_names()


def test_a_plain_load_clears_what_was_interrupted(large: Shop) -> None:
    large.load()
    before = content(large.documents, NAME)
    build, _ = interrupted(large)
    finished = large.loader.done("load", "--no-gate")
    assert "handmade: dropping an interrupted build: --resume is not given" in finished.stderr
    assert build not in large.documents.list_collection_names()
    assert content(large.documents, NAME) == before
    assert left_behind(large.documents) + list(large.documents[BUILDS].find()) == []


def test_what_was_built_when_a_server_went_away_is_continued(
    large: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server cannot be stopped between the two steps, so the look at the build stamp fails instead."""

    def away(*_: object) -> None:
        raise ConnectionFailed("cannot connect", where="MariaDB")

    monkeypatch.setattr(pipeline, "_require_same_build", away)
    for name, value in large.loader.settings.items():
        monkeypatch.setenv(name, value)
    options = Options(full_refresh=True, gate=False)
    with (
        open_job(read_settings(), select=(), progress=Console(quiet=True), options=options) as job,
        pytest.raises(ConnectionFailed),
    ):
        pipeline.load(job, [])
    (build,) = large.documents.list_collection_names(filter={"name": {"$regex": "__build_"}})
    with large.watched(build) as changes:
        load, notes = resumed(large)
    assert f"handmade: continuing {build}" in notes
    assert (load["documents"], [kind for kind, _ in changes if kind == "insert"]) == (STORES, [])
    large.loader.done("verify", "--quiet")
