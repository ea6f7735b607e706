"""A Galera cluster as the sandbox makes it, without MongoDB, and a balancer before it."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pos_sandbox import galera, mariadb
from pos_sandbox.cluster import MONGODB_PORTS, Sandbox
from pos_sandbox.process import HOST, Deadline, Server, running
from pos_sandbox.settings import Ports, Shape, cache_folder, store
from tests import session
from tests.warehouse import Warehouse


@dataclass(frozen=True)
class Cluster:
    """Three nodes in the folder of the test session, whose end stops them even where a test was killed."""

    root: Path
    ports: Ports

    @property
    def nodes(self) -> tuple[Server, ...]:
        """The nodes as the sandbox describes them."""
        return galera.servers(self.root, self.ports.mariadb, self.ports.further[MONGODB_PORTS:])

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where the nodes listen."""
        return tuple(f"{HOST}:{node.port}" for node in self.nodes)

    def up(self) -> None:
        """Start what does not run."""
        galera.require_programs()
        self.root.mkdir(exist_ok=True)
        store(self.root, self.ports, Shape(galera=True))
        nodes = self.nodes
        galera.bring_up(self.root, nodes, running(nodes), cache=cache_folder(), deadline=Deadline(300))

    def kill(self, *numbers: int) -> None:
        """Kill nodes, which are counted from 0."""
        found = running(self.nodes)
        for number in numbers:
            process = found[self.nodes[number].name]
            process.kill()
            process.wait(30)

    def execute(self, number: int, *statements: str) -> list[tuple[object, ...]]:
        """Run statements on a node, and return the rows of the last one."""
        with mariadb.connect(port=self.nodes[number].port) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.with_rows else []

    @contextmanager
    def lagging(self, number: int, table: str) -> Iterator[None]:
        """Let a node lag that says Synced: its applier waits for a table that a local session has locked."""
        with mariadb.connect(port=self.nodes[number].port) as holder:
            cursor = holder.cursor()
            cursor.execute("set session wsrep_on = 0")
            cursor.execute(f"lock tables {table} read")
            yield
            cursor.execute("unlock tables")

    @contextmanager
    def held_back(self, number: int) -> Iterator[None]:
        """Hold a node back as a backup does: it is Desynced and applies nothing."""
        with mariadb.connect(port=self.nodes[number].port) as holder:
            cursor = holder.cursor()
            cursor.execute("flush tables with read lock")
            yield
            cursor.execute("unlock tables")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a cluster of this process's own, and stop it."""
    made = Cluster(session.folder() / session.own("galera"), session.free_ports())
    try:
        made.up()
        yield made
    finally:
        Sandbox(made.root).down(erase=True)


class Balancer:
    """Forwards each connection to the next of the servers, whether that is alive or not."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._next = itertools.cycle(ports)
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Balancer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client, next(self._next)), daemon=True).start()

    def _serve(self, client: socket.socket, port: int) -> None:
        with client, suppress(OSError), socket.create_connection((HOST, port)) as server:
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Hosts(Warehouse):
    """A warehouse whose profile lists several hosts, as JSON in `hosts`."""

    hosts: str = "[]"

    @property
    def profiles_dir(self) -> Path:
        """A directory with the example profile and the hosts in it."""
        folder = self.target_path / "profiles"
        folder.mkdir(parents=True, exist_ok=True)
        example = (self.project / "profiles.example.yml").read_text()
        kept = [line for line in example.splitlines() if not line.strip().startswith(("server:", "port:"))]
        text = "\n".join(kept).replace(
            "type: mariadb_marts", f"type: mariadb_marts\n      hosts: {self.hosts}"
        )
        (folder / "profiles.yml").write_text(text)
        return folder


def with_hosts(warehouse: Warehouse, hosts: Sequence[str]) -> Hosts:
    """The same warehouse, reached by several hosts."""
    return Hosts(**vars(warehouse), hosts=json.dumps([*hosts]))


def copied(original: Warehouse, port: int, folder: Path, tables: Sequence[str]) -> Warehouse:
    """Copy tables of a warehouse and its artifacts to the server at a port."""
    shutil.copytree(original.target_path, folder, dirs_exist_ok=True)
    copy = replace(original, host=HOST, port=port, target_path=folder)
    copy.create_schema(copy.schema)
    for table in tables:
        ((_, definition),) = original.query(f"show create table `{table}`")
        copy.query(definition)
        rows = original.query(f"select * from `{table}`")
        marks = ", ".join(["%s"] * len(rows[0]))
        copy.query(f"insert into `{table}` values ({marks})", rows)
    return copy
