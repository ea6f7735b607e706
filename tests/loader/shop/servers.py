"""MariaDB servers of the tests' own: a shop with a binary log, and an asynchronous replica of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pos_sandbox import mariadb
from pos_sandbox.process import HOST, Deadline, start, stop, wait_for
from tests import session
from tests.warehouse import Row

BINARY_LOG = ("--log-bin=binlog", "--log-slave-updates=ON", "--gtid-strict-mode=ON", "--binlog-format=ROW")
SMALL = ("--innodb-buffer-pool-size=64M", "--skip-slave-start")


class Server:
    """A running MariaDB. Its GTID domain is its number."""

    def __init__(self, port: int) -> None:
        self.port = port

    def query(self, sql: str, rows: list[Row] | None = None) -> list[Row]:
        """Run one statement, once per tuple of `rows` if given, and return the rows it yields."""
        with mariadb.connect(port=self.port) as connection:
            cursor = connection.cursor()
            cursor.executemany(sql, rows) if rows else cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.with_rows else []

    def status(self) -> dict[str, Any]:
        """What SHOW SLAVE STATUS says."""
        with mariadb.connect(port=self.port) as connection:
            cursor = connection.cursor(dictionary=True)
            cursor.execute("show slave status")
            found: dict[str, Any] = cursor.fetchone()
            return found

    def runs(self) -> bool:
        """Whether the replica's SQL thread runs."""
        return bool(self.status()["Slave_SQL_Running"] == "Yes")


@contextmanager
def server(folder: Path, number: int, *flags: str) -> Iterator[Server]:
    """Start a server with a binary log, and stop it at the end."""
    described = mariadb.server(folder, session.free_ports().mariadb)
    own = (f"--server-id={number}", f"--gtid-domain-id={number}", *BINARY_LOG, *SMALL, *flags)
    described = replace(described, flags=(*described.flags, *own))
    folder.mkdir(parents=True, exist_ok=True)
    process = start(described, mariadb.prepare(folder))
    try:
        wait_for(described, process, lambda: mariadb.version(described.port), deadline=Deadline(120))
        yield Server(described.port)
    finally:
        stop([process], grace=30)


@contextmanager
def replica(folder: Path, primary: Server) -> Iterator[Server]:
    """Start a server that replicates another one."""
    with server(folder, 2) as found:
        found.query(
            f"change master to master_host = '{HOST}', master_port = {primary.port}, "
            f"master_user = '{mariadb.USER}', master_password = '{mariadb.PASSWORD}', "
            "master_use_gtid = slave_pos"
        )
        found.query("start slave")
        yield found
