"""Two loads of one collection run one at a time, also when one dies or loses its lease."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psutil
import pytest
import tenacity
from pymongo.errors import OperationFailure

from pos_loader.errors import SpecError
from pos_loader.publish import lease
from pos_loader.publish.lease import Owner, process_space
from pos_loader.servers import mongo
from pos_sandbox.cluster import Endpoints
from tests.faults.shop import Shop, shop
from tests.loader.handmade import NAME
from tests.loader.manifests import Manifest
from tests.loader.running import LEASES, connect, content, left_behind

pytestmark = pytest.mark.native

FAR_AWAY = "another-host"


@pytest.fixture(scope="module")
def published(
    servers: Endpoints, manifest: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    with shop(servers, manifest, tmp_path_factory.mktemp("lease"), "test_lease") as found:
        found.load()
        yield found


@contextmanager
def paused_load(shop: Shop, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Start a load that stops while it holds its lease. It is killed at the end if it still runs."""
    process = shop.loader.start("load", "--no-gate", "--quiet", *options)
    try:
        for attempt in tenacity.Retrying(stop=tenacity.stop_after_delay(60), wait=tenacity.wait_fixed(0.01)):
            with attempt:
                assert shop.documents[LEASES].find_one({"_id": NAME, "pid": process.pid})
        process.send_signal(signal.SIGSTOP)
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Let a paused load continue to its end. Returns its exit code and output."""
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def hold(shop: Shop, *, expires_in: float, host: str = FAR_AWAY, pid: int = 1, **more: Any) -> None:
    """Write a lease of a load on another host, by the server's clock."""
    now: datetime = shop.documents.command("hello")["localTime"]
    owner = {"load_id": "feedbeef", "host": host, "process_space": process_space(), "pid": pid}
    lease = {**owner, "process_started": 1e9, "expires_at": now + timedelta(seconds=expires_in), **more}
    shop.documents[LEASES].replace_one({"_id": NAME}, lease, upsert=True)


def test_the_second_load_waits_or_names_the_first(published: Shop) -> None:
    with paused_load(published) as first:
        held = published.documents[LEASES].find_one({"_id": NAME})
        assert held is not None
        owner = f"load {held['load_id']}, process {first.pid} on {socket.gethostname()}"
        assert published.refused(code=1) == (
            f"collection handmade is being loaded by {owner} (test_lease.{LEASES}); "
            "wait for it to end (--wait SECONDS), then run again"
        )
        second = published.loader.start("load", "--no-gate", "--quiet", "--wait", "120")
        assert ended(first)[0] == 0
        second.communicate(timeout=120)
        assert second.returncode == 0
    assert left_behind(published.documents) == []


def test_the_lease_of_a_killed_load_is_taken_over_at_once(published: Shop) -> None:
    with paused_load(published, "--full-refresh") as first:
        first.kill()
        first.wait()
        assert left_behind(published.documents)
        assert published.load()["mode"] == "sync"
    assert left_behind(published.documents) == []


def test_a_process_that_got_the_id_of_a_dead_one_is_not_its_owner(published: Shop) -> None:
    hold(published, expires_in=3600, host=socket.gethostname(), pid=os.getpid())
    published.load()


@pytest.mark.parametrize("elsewhere", ["another boot", None])
def test_the_processes_of_a_container_with_this_host_s_name_are_not_known(
    elsewhere: str | None, published: Shop
) -> None:
    """`None` is the lease of a loader that did not say where its process is."""
    hold(published, expires_in=3600, host=socket.gethostname(), process_space=elsewhere)
    assert "is being loaded by load feedbeef" in published.refused(code=1)
    hold(published, expires_in=-1, host=socket.gethostname(), process_space=elsewhere)
    published.load()


def test_a_clock_that_is_set_kills_no_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    """psutil adds a process's start to the time of the boot, which changes with the clock."""
    owner, boot = Owner("load"), psutil.boot_time()
    started = psutil.Process().create_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + 3600)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: started + 3600)
    assert not owner.is_dead
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: started + 3605)
    assert owner.is_dead


def test_a_killed_process_is_dead_before_its_parent_has_looked() -> None:
    """In a container its parent may never look, because the first process need not be an init."""
    with subprocess.Popen(["sleep", "60"]) as child:
        owner = Owner("load", pid=child.pid, process_started=lease._started(child.pid))
        assert not owner.is_dead
        child.kill()
        for attempt in tenacity.Retrying(stop=tenacity.stop_after_delay(30), wait=tenacity.wait_fixed(0.01)):
            with attempt:
                assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
        assert owner.is_dead


def test_what_is_held_already_is_renewed_while_the_rest_is_waited_for(
    client: mongo.Client, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "TERM_SECONDS", 2)
    leases = client[database][LEASES]
    away = replace(Owner("first"), host=FAR_AWAY)
    with lease.lease(client[database], ["b"], away, wait=0):
        ending = threading.Timer(6, lambda: leases.delete_one({"_id": "b"}))
        ending.start()
        with lease.lease(client[database], ["a", "b"], Owner("second"), wait=60) as held:
            ending.join()
            held.require()
            assert leases.count_documents({"load_id": "second"}) == 2


def test_a_lease_that_cannot_be_given_back_hides_nothing(servers: Endpoints, database: str) -> None:
    with connect(servers.mongo_uri) as mine, lease.lease(mine[database], ["a"], Owner("load"), wait=0):
        mine.close()


def test_the_transaction_of_a_dead_load_is_ended(published: Shop) -> None:
    """Otherwise it blocks other loads for a minute."""
    published.sql("update stores set revenue = revenue + 1 where store_id = 5")
    with connect(published.loader.mongo_uri) as client, client.start_session() as session:
        session.start_transaction()
        dead = client[published.documents.name][NAME]
        dead.update_one({"_id": 5}, {"$set": {"city": "Nowhere"}}, session=session)
        hold(published, expires_in=3600, host=socket.gethostname(), session=session.session_id)
        began = time.monotonic()
        assert published.load()["replaced"] == 1
        assert time.monotonic() - began < 50
        with pytest.raises(OperationFailure):
            session.commit_transaction()
    published.loader.done("verify", "--quiet")


def test_an_expired_lease_of_another_host_is_taken_over_and_no_other(published: Shop) -> None:
    hold(published, expires_in=3600)
    assert "is being loaded by load feedbeef, process 1 on another-host" in published.refused(code=1)
    hold(published, expires_in=-1)
    published.load()
    assert left_behind(published.documents) == []


@pytest.mark.parametrize("options", [(), ("--full-refresh",)])
def test_a_load_that_lost_its_lease_publishes_nothing(published: Shop, options: tuple[str, ...]) -> None:
    published.sql("update stores set revenue = revenue + 1 where store_id = 1")
    before = content(published.documents, NAME)
    with paused_load(published, *options) as process:
        hold(published, expires_in=3600)
        code, said = ended(process)
    assert (code, said) == (
        4,
        f"pos-loader: error: the lease of this load has expired (test_lease.{LEASES}); "
        "nothing was published; run again\n",
    )
    assert content(published.documents, NAME) == before
    assert left_behind(published.documents) == [NAME], "the other load's lease stays"
    published.documents[LEASES].delete_many({})


def test_a_database_that_differs_in_case_alone_is_a_fault_of_the_settings(
    client: mongo.Client, database: str
) -> None:
    client[database]["any"].insert_one({})
    with (
        pytest.raises(
            SpecError, match=r"take the lease: .*; spell the database as MongoDB does: database in"
        ),
        lease.lease(client[database.upper()], ["any"], Owner("load"), wait=0),
    ):
        pass
