"""The sandbox as a whole: start all servers, report on them, stop them."""

import contextlib
import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from pos_sandbox import mariadb, mongo_tools, mongodb
from pos_sandbox.errors import ServerError, UsageError
from pos_sandbox.process import HOST, Deadline, Server, refuse_taken_port, running, start, stop, wait_for
from pos_sandbox.settings import STATE_FILE, Ports, cache_folder, store_ports, stored_ports

START_SECONDS = 180.0  # an emulated server on a busy machine is slow
STOP_SECONDS = 30.0
CONTENTS = (
    *("mariadb", "mariadb.partial", "mariadb-tmp", "config", "shard1", "shard2", "log", STATE_FILE),
    *("mariadb-init.sql", "mariadb.pid", "mariadb.sock", ".lock"),
)


@dataclass(frozen=True)
class Health:
    """One row of `status`; `state` is running, stopped or not answering."""

    name: str
    role: str
    version: str | None
    port: int
    pid: int | None
    state: str


@dataclass(frozen=True)
class Endpoints:
    """Where clients connect."""

    mariadb_host: str
    mariadb_port: int
    mariadb_user: str
    mariadb_password: str
    mongo_uri: str


class Sandbox:
    """MariaDB and sharded MongoDB in one folder; as a context manager, up on entry and down on exit."""

    def __init__(
        self, root: Path, ports: Ports | None = None, *, note: Callable[[str], None] = lambda _: None
    ) -> None:
        """Use this folder; without `ports`, use those stored there, or the defaults."""
        self.root = root.resolve()
        self.ports = ports or stored_ports(self.root) or Ports()
        self._note = note

    @property
    def servers(self) -> tuple[Server, ...]:
        """List MariaDB, the config server, the shards and mongos, in this order."""
        ports = asdict(self.ports)
        return (mariadb.server(self.root, ports.pop("mariadb")), *mongodb.servers(self.root, **ports))

    @property
    def endpoints(self) -> Endpoints:
        """Return where clients connect: MariaDB and mongos."""
        uri = f"mongodb://{HOST}:{self.ports.mongos}"
        return Endpoints(HOST, self.ports.mariadb, mariadb.USER, mariadb.PASSWORD, uri)

    def up(self) -> list[Health]:
        """Start what does not run, complete what is unfinished, and return when all is ready.

        Raises `UsageError` where a port is taken or a program is missing, and `ServerError` where a server
        does not start or answer.
        """
        self._make_root()
        with self._locked():
            kept = stored_ports(self.root)
            if kept not in (None, self.ports):
                raise UsageError(
                    f"ports {self.ports} differ from {kept}",
                    where=str(self.root),
                    fix="run `pos-sandbox down --erase`",
                )
            servers = self.servers
            alive = running(servers)
            for server in servers:
                if server.name not in alive:
                    refuse_taken_port(server)
            store_ports(self.root, self.ports)
            self._start_all(servers, alive)
        return self.status()

    def _start_all(self, servers: tuple[Server, ...], alive: dict[str, psutil.Process]) -> None:
        deadline = Deadline(START_SECONDS)
        with ThreadPoolExecutor(2) as pool:
            try:
                tasks = [
                    pool.submit(self._up_mariadb, servers[0], alive, deadline),
                    pool.submit(self._up_mongodb, servers[1:], alive, deadline),
                ]
                for task in as_completed(tasks):
                    task.result()
            except BaseException:
                deadline.cancel()  # the pool waits for its threads
                raise

    def _up_mariadb(self, server: Server, alive: dict[str, psutil.Process], deadline: Deadline) -> None:
        process = alive.get(server.name) or start(server, mariadb.prepare(self.root))
        wait_for(server, process, lambda: mariadb.version(server.port), deadline=deadline)

    def _up_mongodb(
        self, servers: tuple[Server, ...], alive: dict[str, psutil.Process], deadline: Deadline
    ) -> None:
        missing = any(server.name not in alive for server in servers)
        begun = time.monotonic()
        tools = mongo_tools.find(cache_folder(), self._note) if missing else None
        deadline.extend(time.monotonic() - begun)  # the time of a download does not count
        mongodb.bring_up(servers, alive, tools, deadline=deadline)

    def status(self) -> list[Health]:
        """Ask every server for its version, in the order of `servers`."""
        alive = running(self.servers)
        with ThreadPoolExecutor(len(self.servers)) as pool:
            return list(pool.map(lambda server: _health(server, alive.get(server.name)), self.servers))

    def down(self, *, erase: bool = False) -> list[str]:
        """Stop the servers of this sandbox and return their names; with `erase`, remove the data too."""
        if not (self.root / STATE_FILE).is_file():
            return []
        with self._locked():
            alive = running(self.servers)
            stop(alive.values(), grace=STOP_SECONDS)
            left = running(self.servers)
            if left:
                names = ", ".join(f"{name} (pid {process.pid})" for name, process in left.items())
                raise ServerError(f"could not stop {names}", where=str(self.root), fix="stop them by hand")
            if erase:
                self._erase()
        return [server.name for server in self.servers if server.name in alive]

    def _erase(self) -> None:
        for name in CONTENTS:
            path = self.root / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the user's own files stay
            self.root.rmdir()

    def _make_root(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot create the folder: {error.strerror}",
                where=str(self.root),
                fix="set POS_SANDBOX_DIR to another",
            ) from None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def __enter__(self) -> Self:
        """Start everything; if that fails, leave nothing running."""
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the servers; the data stays."""
        self.down()


def _health(server: Server, process: psutil.Process | None) -> Health:
    if process is None:
        return Health(server.name, server.role, None, server.port, None, "stopped")
    ask = mariadb.version if server.program == "mariadbd" else mongodb.version
    version = ask(server.port)
    state = "running" if version else "not answering"
    return Health(server.name, server.role, version, server.port, process.pid, state)
