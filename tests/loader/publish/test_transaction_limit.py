"""A sync whose transaction MongoDB ends, because it takes too long."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pos_loader.publish import sync
from pos_sandbox import mongodb
from pos_sandbox.cluster import Endpoints, Sandbox
from pos_sandbox.settings import Ports
from tests.faults.shop import Shop, shop
from tests.loader.handmade import NAME
from tests.loader.manifests import Manifest
from tests.loader.mongo_helpers import own_server


@contextmanager
def one_member(folder: Path, ports: Ports) -> Iterator[tuple[str, list[int]]]:
    with own_server(folder, ports.shard1) as uri:
        yield uri, [ports.shard1]


@contextmanager
def two_shards(folder: Path, ports: Ports) -> Iterator[tuple[str, list[int]]]:
    with Sandbox(folder / "sandbox", ports) as own:
        yield own.endpoints.mongo_uri, [ports.shard1, ports.shard2]


@pytest.fixture(scope="module", params=[one_member, pytest.param(two_shards, marks=pytest.mark.long)])
def impatient(
    request: pytest.FixtureRequest,
    servers: Endpoints,
    free_ports: Callable[[], Ports],
    manifest: Manifest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    """A shop on a MongoDB of its own, whose members end a transaction after a second."""
    folder = tmp_path_factory.mktemp("impatient")
    with request.param(folder, free_ports()) as (uri, members):
        for port in members:
            with mongodb.connect(port, timeout=60) as member:
                member.admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": 1})
        with shop(replace(servers, mongo_uri=uri), manifest, folder, "test_impatient") as found:
            found.load()
            yield found


def slowly(*arguments: Any) -> None:
    """Read back as a sync does, but after the server's time limit."""
    time.sleep(4)
    READ_BACK(*arguments)


READ_BACK = sync._require_written


def test_a_transaction_that_outlives_the_servers_limit_becomes_a_full_refresh(
    impatient: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "_require_written", slowly)
    impatient.sql("update stores set city = 'Aarhus' where store_id = 150")
    finished = impatient.loader.invoke("load", "--no-gate")
    assert finished.code == 0, finished
    assert (
        "handmade: full refresh, MongoDB did not accept the changes of test_impatient.handmade as one trans"
        in (finished.stderr)
    )
    (found,) = json.loads(impatient.loader.results.read_text())["collections"]
    assert (found["mode"], found["documents"]) == ("full refresh", 200)
    assert impatient.documents[NAME].count_documents({"city": "Aarhus"}) == 1
    assert impatient.loader.run("verify").code == 0


def test_rejects_whose_transaction_is_too_long_end_in_exit_4(
    impatient: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "_require_written", slowly)
    impatient.sql("update stores set city = 'Odense' where store_id = 150")
    rejects = impatient.loader.warehouse.target_path / "rejects" / f"{NAME}.jsonl"
    rejects.parent.mkdir(exist_ok=True)
    rejects.write_text('{"key": 150}\n')
    finished = impatient.loader.invoke("load", "--no-gate", "--retry-rejects", "--quiet")
    rejects.unlink()
    assert finished.code == 4, finished
    assert finished.error.endswith("none of them was written; run again, or with --full-refresh")
    assert impatient.documents[NAME].count_documents({"city": "Odense"}) == 0
