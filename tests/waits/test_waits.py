"""Servers that are silent, frozen, locked or without a majority, at each moment of a load.

Either the load ends within the bound and five seconds more, or it goes on when the fault ends; each wait has
a line and is counted. `make faults` tries every fault at every moment, `make test` a few of them.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import psutil
import pytest
from pymongo.uri_parser import parse_uri

from pos_sandbox import mariadb
from tests.loader.manifests import Manifest
from tests.loader.mongo_helpers import command
from tests.loader.running import Finished
from tests.waits.stage import REFRESH, SYNC, Stage, set_up, wait_until
from tests.waits.trigger import Trigger

BOUND, MORE = 6, 5
"""Seconds: POS_MONGO_TIMEOUT where the fault stays, and what a load may take beyond it."""
SHORT, LONGER = 4, 20
"""A fault that a load outlives, and POS_MONGO_TIMEOUT then: members that were gone elect a primary first."""
BUSY = 6
"""What a busy machine may need beyond that."""
CLOSING = 3
"""Half of what a Dask cluster may need to end."""
START = "start"
MOMENTS = {
    START: (REFRESH, b""),
    "read": (REFRESH, b"pos-loader "),
    "write": (REFRESH, command("insert")),
    "index": (REFRESH, command("createIndexes")),
    "publish": (REFRESH, command("renameCollection")),
    "sync": (SYNC, command("commitTransaction").replace(b"\x02", b"\x10")),
}
"""What the load does, and the mark of the message that begins the moment."""
FAULTS = "silent mongodb", "silent mariadb", "frozen mongodb", "frozen mariadb", "read lock", "no majority"
CASES = [(fault, moment, stays) for fault in FAULTS for moment in MOMENTS for stays in (True, False)]
ALONE = [case for case in CASES if case[0] != "no majority"]
"""Those that one member suffices for."""
SEED, FEW = 11, 2


@pytest.fixture(scope="module")
def three(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_up(tmp_path_factory.mktemp("three"), manifest, members=3) as found:
        yield found


@dataclass
class Fault:
    """Something that goes wrong, and how it ends."""

    strike: Callable[[], object]
    end: Callable[[], object]


@contextmanager
def locked(stage: Stage) -> Iterator[Fault]:
    """A global read lock, as a backup takes it."""
    with mariadb.connect(port=stage.loader.warehouse.port) as connection:
        cursor = connection.cursor()
        yield Fault(
            lambda: cursor.execute("flush tables with read lock"), lambda: cursor.execute("unlock tables")
        )
        cursor.execute("unlock tables")


@contextmanager
def fault_of(name: str, stage: Stage, mongodb: Trigger, database: Trigger) -> Iterator[Fault]:
    first, *others = stage.members.processes
    match name:
        case "silent mongodb":
            yield Fault(mongodb.fall_silent, mongodb.speak)
        case "silent mariadb":
            yield Fault(database.fall_silent, database.speak)
        case "frozen mongodb":
            yield Fault(first.suspend, first.resume)
        case "frozen mariadb":
            yield Fault(stage.mariadb.suspend, stage.mariadb.resume)
        case "read lock":
            with locked(stage) as fault:
                yield fault
        case _:
            yield Fault(
                lambda: [*map(psutil.Process.suspend, others)], lambda: [*map(psutil.Process.resume, others)]
            )


@dataclass(frozen=True)
class Ending:
    """How a load ended, how many seconds after the fault had begun, and what its results say."""

    finished: Finished
    seconds: float
    waits: list[dict[str, object]]


def load(stage: Stage, name: str, moment: str, *more: str, stays: bool) -> Ending:
    """Load through proxies; the fault strikes at the moment, and stays until the load ends or for a while."""
    arguments, mark = MOMENTS[moment]
    (_, port), *_ = parse_uri(stage.loader.mongo_uri)["nodelist"]
    assert port
    with ExitStack() as stack:
        mongodb = stack.enter_context(Trigger(port, mark, lambda: fault.strike()))
        database = stack.enter_context(Trigger(stage.loader.warehouse.port, mark, lambda: fault.strike()))
        fault = stack.enter_context(fault_of(name, stage, mongodb, database))
        warehouse = replace(stage.loader.warehouse, port=database.port)
        uri = f"mongodb://127.0.0.1:{mongodb.port}/?directConnection=true"
        loader = replace(stage.loader, warehouse=warehouse, mongo_uri=uri)
        loader.results.unlink(missing_ok=True)
        if moment == START:
            fault.strike()
        process = loader.start(*arguments, *more, POS_MONGO_TIMEOUT=str(BOUND if stays else LONGER))
        try:
            began = time.monotonic()
            while moment != START and not (mongodb.has_struck.is_set() or database.has_struck.is_set()):
                assert process.poll() is None, process.communicate()
                began = time.monotonic()
                time.sleep(0.01)
            if not stays:
                time.sleep(SHORT)
                fault.end()
            stdout, stderr = process.communicate(timeout=120)
            seconds = time.monotonic() - began
        finally:
            process.kill()
            fault.end()
        waits = json.loads(loader.results.read_text())["waits"] if loader.results.exists() else []
        return Ending(Finished(process.returncode, stdout, stderr), seconds, waits)


def require_bounded(stage: Stage, name: str, moment: str, *more: str, stays: bool) -> None:
    wait_until(lambda: stage.members.is_led_by_the_first)
    began = time.monotonic()
    old = stage.change()
    stage.loader.done(*REFRESH, *more)
    took = time.monotonic() - began
    old = stage.change()
    ending = load(stage, name, moment, *more, stays=stays)
    finished = ending.finished
    told = [line for line in finished.stderr.splitlines() if "waiting for" in line]
    errors = [line for line in finished.stderr.splitlines() if ": error: " in line]
    assert finished.code in ((0, 3, 4) if stays else (0,)), finished
    assert len(errors) == (finished.code != 0), finished
    assert "Traceback" not in finished.stderr, finished
    allowed = (BOUND if stays else LONGER) + MORE + BUSY + CLOSING * len(more)
    assert ending.seconds <= allowed + took * (finished.code == 0), ending
    assert told or not finished.code, finished
    assert len(told) <= 4, finished
    assert len(ending.waits) == len(told) or finished.code == 3, ending  # it may end before it has a job
    assert all(wait["seconds"] >= 3 for wait in ending.waits), ending  # type: ignore[operator]
    assert stage.seen() in (old, old + 1)
    if finished.code == 0:
        assert stage.seen() == old + 1
    stage.loader.done(*SYNC, "--quiet")
    assert (stage.seen(), stage.left()) == (old + 1, [])


@pytest.mark.parametrize(("name", "moment", "stays"), random.Random(SEED).sample(ALONE, FEW))  # noqa: S311
def test_a_wait_is_bounded(stage: Stage, name: str, moment: str, stays: bool) -> None:
    require_bounded(stage, name, moment, stays=stays)


@pytest.mark.long
@pytest.mark.parametrize("stays", [True, False])
@pytest.mark.parametrize(("name", "moment"), [("silent mongodb", "write"), ("frozen mariadb", "read")])
def test_a_wait_of_a_dask_worker_is_bounded_and_told(
    three: Stage, name: str, moment: str, stays: bool
) -> None:
    require_bounded(three, name, moment, "--dask-workers", "2", stays=stays)


@pytest.mark.long
@pytest.mark.parametrize(("name", "moment", "stays"), CASES)
def test_every_wait_is_bounded(three: Stage, name: str, moment: str, stays: bool) -> None:
    require_bounded(three, name, moment, stays=stays)
