"""The sandbox as a whole: start all servers, report on them, stop them."""

import contextlib
import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from pos_sandbox import galera, mariadb, mongo_tools, mongodb, transfer
from pos_sandbox.errors import ServerError, UsageError
from pos_sandbox.process import HOST, Deadline, Server, refuse_taken_port, running, start, stop, wait_for
from pos_sandbox.settings import STATE_FILE, Ports, Shape, cache_folder, store, stored_ports, stored_shape

START_SECONDS = 180.0  # an emulated server on a busy machine is slow
STOP_SECONDS = 30.0
CONTENTS = ("mariadb.partial", "log", STATE_FILE, "mariadb-init.sql", transfer.SCRIPTS, ".lock")
"""What `down --erase` removes beside the servers' own files."""
MONGODB_PORTS = 7
"""How many ports of further members are MongoDB's; the rest is Galera's."""


@dataclass(frozen=True)
class Health:
    """One row of `status`; `state` is running, stopped or not answering.

    In larger sandboxes, `detail` is a member's state and lag, a router's chunks, or a node's state.
    """

    name: str
    role: str
    version: str | None
    port: int
    pid: int | None
    state: str
    detail: str = ""


@dataclass(frozen=True)
class Endpoints:
    """Where clients connect; `mariadb_hosts` are all nodes of a Galera cluster."""

    mariadb_host: str
    mariadb_port: int
    mariadb_user: str
    mariadb_password: str
    mongo_uri: str
    mariadb_hosts: tuple[str, ...] = ()


class Sandbox:
    """MariaDB and sharded MongoDB in one folder; as a context manager, up on entry and down on exit."""

    def __init__(
        self,
        root: Path,
        ports: Ports | None = None,
        shape: Shape | None = None,
        *,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Use this folder; without `ports` or `shape`, use those stored there, or the defaults."""
        self.root = root.resolve()
        self.ports = ports or stored_ports(self.root) or Ports()
        self.shape = shape or stored_shape(self.root)
        self._note = note

    @property
    def servers(self) -> tuple[Server, ...]:
        """List MariaDB's nodes, the config servers, the shards' members and the routers, in this order."""
        return (*self._nodes, *self._members)

    @property
    def _nodes(self) -> tuple[Server, ...]:
        port, more = self.ports.mariadb, self.ports.further[MONGODB_PORTS:]
        return (
            galera.servers(self.root, port, more) if self.shape.galera else (mariadb.server(self.root, port),)
        )

    @property
    def _members(self) -> tuple[Server, ...]:
        ports = {name: port for name, port in asdict(self.ports).items() if name not in ("mariadb", "more")}
        more = self.ports.further[:MONGODB_PORTS]
        return mongodb.servers(self.root, **ports, members=self.shape.members, more=more)

    @property
    def endpoints(self) -> Endpoints:
        """Return where clients connect: MariaDB and the routers."""
        routers = ",".join(f"{HOST}:{server.port}" for server in self._members if not server.group)
        hosts = tuple(f"{HOST}:{node.port}" for node in self._nodes) if self.shape.galera else ()
        return Endpoints(
            *(HOST, self.ports.mariadb, mariadb.USER, mariadb.PASSWORD),
            f"mongodb://{routers}",
            hosts,
        )

    def up(self) -> list[Health]:
        """Start what does not run, complete what is unfinished, and return when all is ready.

        Raises `UsageError` where a port is taken or a program is missing, and `ServerError` where a server
        does not start or answer.
        """
        self._make_root()
        with self._locked():
            kept = stored_ports(self.root)
            if kept not in (None, self.ports) and not self._may_choose_further(kept):
                raise UsageError(
                    f"ports {self.ports} differ from {kept}",
                    where=str(self.root),
                    fix="run `pos-sandbox down --erase`",
                )
            if self.shape.galera:
                galera.require_programs()
                self._stop_plain()
            servers = self.servers
            alive = running(servers)
            for server in servers:
                if server.name not in alive:
                    refuse_taken_port(server)
            store(self.root, self.ports, self.shape)
            self._start_all(alive)
        return self.status()

    def _may_choose_further(self, kept: Ports | None) -> bool:
        """Whether only the ports of further members differ, of which there are none yet."""
        is_first = not stored_shape(self.root).is_larger
        return is_first and kept is not None and replace(kept, more=self.ports.more) == self.ports

    def _stop_plain(self) -> None:
        """Stop a MariaDB that runs without Galera, so that it can start again as the first node."""
        if (self.root / STATE_FILE).is_file() and not stored_shape(self.root).galera:
            stop(running([mariadb.server(self.root, self.ports.mariadb)]).values(), grace=STOP_SECONDS)

    def _start_all(self, alive: dict[str, psutil.Process]) -> None:
        deadline = Deadline(START_SECONDS)
        with ThreadPoolExecutor(2) as pool:
            try:
                tasks = [
                    pool.submit(self._up_mariadb, self._nodes, alive, deadline),
                    pool.submit(self._up_mongodb, self._members, alive, deadline),
                ]
                for task in as_completed(tasks):
                    task.result()
            except BaseException:
                deadline.cancel()  # the pool waits for its threads
                raise

    def _up_mariadb(
        self, nodes: tuple[Server, ...], alive: dict[str, psutil.Process], deadline: Deadline
    ) -> None:
        if self.shape.galera:
            galera.bring_up(self.root, nodes, alive, cache=cache_folder(), deadline=deadline)
            return
        (server,) = nodes
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
            return list(pool.map(lambda server: self._health(server, alive.get(server.name)), self.servers))

    def _health(self, server: Server, process: psutil.Process | None) -> Health:
        if process is None:
            return Health(server.name, server.role, None, server.port, None, "stopped")
        is_mariadb = server.program == "mariadbd"
        version = (mariadb.version if is_mariadb else mongodb.version)(server.port)
        detail = ""
        if is_mariadb and self.shape.galera:
            detail = str(galera.state(server.port) or "")
        elif version and not is_mariadb and self.shape.members > 1:
            detail = mongodb.detail(server)
        state = "running" if version else "not answering"
        return Health(server.name, server.role, version, server.port, process.pid, state, detail)

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
        own = [f"{server.name}{end}" for server in self.servers for end in ("", "-tmp", ".pid", ".sock")]
        for name in (*own, *CONTENTS):
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
