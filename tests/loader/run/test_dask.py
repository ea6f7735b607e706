"""The same partitions on Dask's workers: the same bytes, also when a worker is killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pos_loader import errors
from pos_loader.run import pool
from pos_sandbox.cluster import Endpoints
from tests.loader.handmade import Mart, publishable
from tests.loader.manifests import Manifest
from tests.loader.running import Loader, connect, content, left_behind
from tests.loader.tasks import refuse_seven
from tests.warehouse import Warehouse, new_warehouse

pytestmark = pytest.mark.native

NAME, ROWS = "handmade", 6000
SHOPS = Mart(
    {"shop_id": "bigint", "name": "varchar(80)", "turnover": "decimal(19,4)"},
    ("shop_id",),
    query=f"select seq, repeat('x', 60), seq / 100 from seq_1_to_{ROWS}",
)
DECLARED: Manifest = {"root": "shops", "key": "shop_id", "shard_key": {"_id": "hashed"}}
REFRESH = ("load", "--full-refresh", "--no-gate", "--quiet", "--partition-rows", "50")


@dataclass(frozen=True)
class Cluster:
    """A Dask scheduler on loopback and the processes of its workers."""

    address: str
    workers: list[subprocess.Popen[bytes]]


Start = Callable[..., Cluster]


@pytest.fixture(scope="module")
def shops(
    servers: Endpoints, sample_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Loader]:
    """A mart of 6,000 shops, published by threads."""
    folder = tmp_path_factory.mktemp("dask")
    name = f"test_dask_{os.getpid()}"
    with connect(servers.mongo_uri) as client:
        warehouse = new_warehouse(servers, folder, name)
        loader = Loader(warehouse, servers.mongo_uri, name, select=())
        publishable(loader, sample_warehouse.artifact("manifest"), {"shops": SHOPS}, DECLARED)
        loader.done(*REFRESH)
        yield loader
        client.drop_database(name)
        with closing(warehouse.connect()) as connection:
            connection.cursor().execute(f"drop database `{name}`")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a scheduler and so many workers of one thread; `preload` is code each worker runs first."""
    with ExitStack() as stack:

        def started(count: int, *, preload: str = "") -> Cluster:
            file = tmp_path / "scheduler.json"
            where = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file))
            stack.enter_context(_process("scheduler", *where, "--port", "0"))
            while not file.exists() or not file.read_text().endswith("}"):
                time.sleep(0.05)
            more = ("--preload", preload) if preload else ()
            alone = ("--nthreads", "1", "--no-nanny")
            found = [stack.enter_context(_process("worker", *where, *alone, *more)) for _ in range(count)]
            return Cluster(json.loads(file.read_text())["address"], found)

        yield started


@contextmanager
def _process(role: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", role, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_killed_in_the_middle_loses_nothing(shops: Loader, start: Start) -> None:
    cluster = start(2)
    with connect(shops.mongo_uri) as client:
        database = client[shops.database]
        expected = content(database, NAME)
        loading = shops.start(*REFRESH, "--scheduler", cluster.address)
        killed = False
        while loading.poll() is None and not killed:
            builds = database.list_collection_names(filter={"name": {"$regex": f"^{NAME}__build_"}})
            if builds and 0 < database[builds[0]].estimated_document_count() < ROWS * 3 // 4:
                cluster.workers[0].send_signal(signal.SIGKILL)
                killed = True
        stdout, stderr = loading.communicate(timeout=300)
        assert killed
        assert loading.returncode == 0, stderr
        assert f"+0 ~{ROWS:,} -0" in stdout
        assert content(database, NAME) == expected
        assert left_behind(database) == []


def test_sync_verify_and_plan_on_workers_say_what_threads_say(shops: Loader, start: Start) -> None:
    cluster = start(1)
    on_workers = ("--scheduler", cluster.address)
    assert shops.run("plan", "--no-gate", "--quiet", *on_workers).code == 0
    with closing(shops.warehouse.connect()) as connection:
        connection.cursor().execute("update shops set name = 'changed' where shop_id in (7, 4000)")
    plan = shops.run("plan", "--no-gate", "--quiet", "--json", *on_workers)
    assert plan.code == 2
    assert plan.json["collections"][0]["replace"] == 2
    loaded = shops.done("load", "--no-gate", "--quiet", "--json", *on_workers).json["collections"][0]
    assert (loaded["mode"], loaded["replaced"], loaded["unchanged"]) == ("sync", 2, ROWS - 2)
    for options in (on_workers, ()):
        verified = shops.done("verify", "--quiet", "--json", *options).json["collections"][0]
        assert (verified["unchanged"], verified["differences"]) == (ROWS, 0)


def test_workers_started_here(shops: Loader) -> None:
    verified = shops.done("verify", "--quiet", "--json", "--dask-workers", "1").json["collections"][0]
    assert verified["differences"] == 0


def test_progress_is_shown(shops: Loader, start: Start) -> None:
    done = shops.done("verify", "--scheduler", start(1).address, "--log-format", "json")
    assert NAME in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("preload", "message"),
    [
        ("import sys; sys.modules['pos_loader'] = None", "cannot run pos-loader: "),
        (
            "import importlib.metadata as m; m.real = getattr(m, 'real', m.version); "
            "m.version = lambda name: '0.0' if name == 'pymongo' else m.real(name)",
            "has pymongo 0.0, we have ",
        ),
    ],
)
def test_workers_that_are_not_like_us_are_named(
    shops: Loader, start: Start, tmp_path: Path, preload: str, message: str
) -> None:
    code = tmp_path / "preload.py"
    code.write_text(preload)
    cluster = start(1, preload=str(code))
    refused = shops.run("verify", "--quiet", "--scheduler", cluster.address)
    assert refused.code == 2
    assert refused.error.startswith("Dask worker tcp://127.0.0.1:")
    assert message in refused.error


def test_no_scheduler_no_worker_or_both_options(shops: Loader, start: Start) -> None:
    away = shops.invoke("verify", "--scheduler", "tcp://127.0.0.1:1")
    assert away.code == 3
    assert away.error.startswith("no Dask scheduler with a worker at tcp://127.0.0.1:1: ")
    idle = shops.invoke("verify", "--scheduler", start(0).address)
    assert idle.code == 3
    assert "Only 0/1 workers" in idle.error
    both = shops.invoke("verify", "--scheduler", "tcp://127.0.0.1:1", "--dask-workers", "2")
    assert both.code == 2
    assert shops.invoke("status", POS_SCHEDULER="tcp://127.0.0.1:1").code == 0
    assert both.error == "--scheduler and --dask-workers are both given; give one of them"


def test_the_first_error_of_a_task_is_raised_and_nothing_runs_on(start: Start, tmp_path: Path) -> None:
    with pool.open_pool(threads=1, scheduler=start(1).address) as opened:
        results = opened.completed(refuse_seven, [(number, str(tmp_path)) for number in range(50)])
        with pytest.raises(errors.DataError, match="seven is not allowed") as caught:
            list(results)
        assert (caught.value.what, caught.value.where) == ("seven is not allowed", "here")
        done = len(list(tmp_path.iterdir()))
        time.sleep(0.5)
        assert len(list(tmp_path.iterdir())) == done < 50
