"""A pool does the partitions' tasks: in threads of this program, or on the workers of a Dask cluster.

A task depends on its arguments only. So it gives the same result on any worker, and another worker can repeat
the task of a lost one. A task carries passwords: connect to a scheduler on another machine by TLS
(https://distributed.dask.org/en/stable/tls.html).
"""

from __future__ import annotations

import logging
import platform
import secrets
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import islice
from typing import Any, Protocol, TypeVar

from pos_loader import stopping
from pos_loader.errors import LONGEST, ConnectionFailed, LoaderError, PartialLoad, SpecError
from pos_loader.masking import masked, masked_address
from pos_loader.servers import waiting

Item = TypeVar("Item")
Result = TypeVar("Result")

END_SECONDS = 30
"""How long the tasks of Dask workers may take to end."""
PACKAGES = ("pos-loader", "connectorx", "numpy", "pyarrow", "pymongo")
"""Packages that a worker needs in the same version as this program; Python too."""


class Pool(Protocol):
    """Does one task for many items, several at once."""

    is_remote: bool
    """Whether tasks and results are pickled, and a task may run twice."""

    def completed(
        self, task: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[Result, None, None]:
        """Yield results as they come. The first error, or closing, cancels the tasks that have not begun."""


@dataclass(frozen=True)
class Threads:
    """Threads of this program."""

    count: int
    is_remote = False

    def completed(
        self, task: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[Result, None, None]:
        """Do as `Pool` says; return or raise only when no task runs any more."""
        with ThreadPoolExecutor(self.count, thread_name_prefix="partition") as pool:
            # No list here keeps the futures, so a result is freed once it is yielded.
            finished = as_completed([pool.submit(task, item) for item in items])
            try:
                for future in finished:
                    yield future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


@dataclass(frozen=True)
class DaskWorkers:
    """The workers of a Dask cluster; each runs as many tasks at once as it has threads."""

    client: Any
    is_remote = True

    def completed(
        self, task: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[Result, None, None]:
        """Do as `Pool` says; raise `PartialLoad` where the cluster itself gives up.

        Two tasks per thread are handed out at a time. So no worker waits for this program, and when the load
        ends early, this program can wait for the few tasks that still run.
        """
        import distributed

        left = iter(items)
        begun: set[Any] = set()
        token = secrets.token_hex(8)
        remote = partial(_remotely, token, task)
        results = distributed.as_completed(with_results=True)
        self.client.subscribe_topic(token, lambda event: waiting.receive(event[1]))

        def hand_out() -> None:
            room = 2 * sum(self.client.nthreads().values()) - len(begun)
            for item in islice(left, max(room, 0 if begun else 1)):
                future = self.client.submit(remote, item, pure=False)
                begun.add(future)
                results.add(future)

        try:
            hand_out()
            for future, result in results:
                begun.discard(future)
                hand_out()
                yield result
        except (GeneratorExit, KeyboardInterrupt, LoaderError):
            self._end(begun, token)
            raise
        except Exception as error:
            self._end(begun, token)
            raise PartialLoad(
                f"the Dask cluster gave up: {_first_line(error)}",
                where=f"scheduler {self.client.scheduler.address}",
                fix="look at its workers' logs, memory first; a rerun is safe",
            ) from error

    def _end(self, begun: set[Any], token: str) -> None:
        """End the tasks that were handed out, at their next step: none may write after this returns."""
        import distributed

        def tell() -> None:
            with suppress(Exception):  # a worker is out of reach, or has ended
                self.client.run(stopping.stop, token, on_error="ignore")

        threading.Thread(target=tell, name="stop", daemon=True).start()
        try:
            with stopping.held():
                distributed.wait(begun, timeout=END_SECONDS)
        except Exception:  # the cluster is gone, and its tasks with it
            logging.getLogger(__name__).debug("could not wait for the tasks", exc_info=True)


def _remotely(token: str, task: Callable[[Item], Result], item: Item) -> Result:
    """Do a task in a Dask worker, which hands its waits to the program that submitted it."""
    import distributed

    worker = distributed.get_worker()
    waiting.forward(lambda event: worker.log_event(token, dict(event)))
    return stopping.under(token, task, item)


@contextmanager
def open_pool(
    *, threads: int, scheduler: str = "", processes: int = 0, timeout: float = 10
) -> Iterator[Pool]:
    """Open a pool: on the Dask `scheduler` at this address, on new Dask `processes` here, or in `threads`.

    Raises `SpecError` where both kinds of Dask are asked for, Dask is not installed, or a worker has other
    versions than this program. Raises `ConnectionFailed` where no scheduler or no worker answers.
    """
    if not scheduler and not processes:
        yield Threads(threads)
        return
    if scheduler and processes:
        raise SpecError("--scheduler and --dask-workers are both given", fix="give one of them")
    try:
        import dask
        import distributed
    except ImportError:
        raise SpecError(
            "Dask is not installed", fix="pip install './loader[dask]' in the project's checkout"
        ) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with dask.config.set({"distributed.comm.timeouts.connect": timeout}), ExitStack() as stack:
        if processes:
            cluster = distributed.LocalCluster(
                n_workers=processes, threads_per_worker=1, host="127.0.0.1", dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )  # fmt: skip
            address = stack.enter_context(cluster)
        else:
            address = scheduler
        try:
            client = stack.enter_context(distributed.Client(address, timeout=timeout))
            client.wait_for_workers(1, timeout=timeout)
        except (OSError, ValueError, TimeoutError, distributed.TimeoutError) as error:
            shown = masked_address(scheduler) or "this machine"
            raise ConnectionFailed(
                f"no Dask scheduler with a worker at {shown}: {_first_line(error)}",
                fix="start dask scheduler and dask worker, or check --scheduler",
            ) from None
        _require_equal({"scheduler": _tried(client.run_on_scheduler, versions)})
        found = client.run(versions, on_error="return")
        _require_equal({f"worker {address}": theirs for address, theirs in found.items()})
        yield DaskWorkers(client)


def versions() -> dict[str, str]:
    """List the versions that must be the same wherever a task runs."""
    return {"Python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def _tried(run: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return run(*arguments)
    except Exception as error:
        return error


def _require_equal(found: dict[str, Any]) -> None:
    ours = versions()
    for who, theirs in found.items():
        if isinstance(theirs, BaseException):
            raise SpecError(
                f"Dask {who} cannot run pos-loader: {_first_line(theirs)}",
                fix="install the same pos-loader there as here",
            )
        for name, mine in ours.items():
            if theirs.get(name) != mine:
                raise SpecError(
                    f"Dask {who} has {name} {theirs.get(name)}, we have {mine}",
                    fix="install the same versions there as here",
                )


def _first_line(error: BaseException) -> str:
    lines = masked(str(error)).splitlines()
    return lines[0][:LONGEST] if lines else type(error).__name__
