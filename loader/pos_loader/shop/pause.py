"""A pause stops the SQL thread of a replica, so that the shop's tables hold still during a build.

The pause outlives the command, so a row in the schema `pos_loader` of the replica is its lease: who paused,
until when, at which position. There is one row for the whole server, whatever marts are built there. It is
written before the thread is stopped and deleted after the thread runs again. So a killed command leaves a
row, which the next `pause` or `resume` of the same owner completes, and which anybody may take over once it
has expired or the thread runs.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pos_loader.errors import ConnectionFailed, DataError, LoaderError, SpecError, TableReplaced
from pos_loader.load_results import Moment
from pos_loader.servers import mariadb
from pos_loader.servers.mariadb import Queries
from pos_loader.servers.profile import MariaDB
from pos_loader.shop.lock import lock_name, locked

SCHEMA, TABLE = "pos_loader", "pos_loader.replica_pause"
PAUSING, PAUSED = "pausing", "paused"
RDS = ("rds_stop_replication", "rds_start_replication")
"""Procedures of Amazon RDS, where no user may run STOP SLAVE.
Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mysql-stored-proc-replicating.html"""
START_SECONDS = 10.0
Note = Callable[[str], None]


@dataclass(frozen=True)
class Lease:
    """The row of a pause. `expired` is judged by the server's clock."""

    owner: str
    state: str
    gtid: str
    stopped_at: datetime
    expires_at: datetime
    expired: bool

    @property
    def named(self) -> str:
        """Say whose it is, since when and until when."""
        return f"{self.owner} since {self.stopped_at:%Y-%m-%d %H:%M:%S} until {self.expires_at:%H:%M:%S} UTC"


def owner_here(folder: Path) -> str:
    """Name the owner that `pause` and `resume` on one machine share: the folder of dbt's artifacts."""
    return f"{socket.gethostname()}:{folder.resolve()}"


def pause(server: MariaDB, *, owner: str, hours: float, note: Note) -> Moment:
    """Stop the SQL thread and hold the lease for some hours; return the moment at which the shop stands.

    The owner of a lease may pause again, which keeps the thread stopped and extends the lease. Raises
    `SpecError` where the server is no replica or its own writes would disturb replication, `DataError` where
    another owner holds the lease or somebody else stopped the thread, and `ConnectionFailed`.
    """
    with _alone(server) as queries:
        status = _require_replica(queries)
        lease, is_running = _ours(queries, status, owner, note)
        if lease is None or is_running or lease.state != PAUSED:
            _write(queries, owner, PAUSING, "", hours)
            _say_lag(status, note)
            _stop(queries)
        gtid = _position(queries)
        _write(queries, owner, PAUSED, gtid, hours)
        held = read_lease(queries)
    stopped_at = held.stopped_at if held else datetime.now(UTC).replace(tzinfo=None)
    return Moment("replica", gtid, f"{stopped_at.isoformat(timespec='microseconds')}Z")


def _ours(queries: Queries, status: dict[str, Any], owner: str, note: Note) -> tuple[Lease | None, bool]:
    """Return the lease, which `owner` may now use, and whether the SQL thread runs.

    Raises `DataError` where another owner holds the lease, or somebody else stopped the thread.
    """
    lease, is_running = read_lease(queries), status["Slave_SQL_Running"] != "No"
    if lease is None and not is_running:
        raise _stopped_by_others(queries, status)
    if lease is not None:
        _take(queries, lease, owner, is_running=is_running, note=note)
    return lease, is_running


def resume(server: MariaDB, *, owner: str, note: Note) -> bool:
    """Start the SQL thread again and give up the lease; return whether there was one.

    Raises `DataError` where another owner holds the lease, where somebody else stopped the thread, or where
    the thread does not start; `ConnectionFailed`.
    """
    with _alone(server) as queries:
        status = _status(queries)
        lease, is_running = _ours(queries, status, owner, note)
        if not is_running:
            _start(queries)
        if lease is not None:
            queries.execute(f"delete from {TABLE}")  # noqa: S608
    return lease is not None


@contextmanager
def _alone(server: MariaDB) -> Iterator[Queries]:
    """Connect, and hold the lock that lets one pause or resume work at a time."""
    with (
        mariadb.connect(server) as queries,
        locked(
            queries,
            lock_name("pause"),
            busy="another pause or resume is running",
            fix="wait for it to end",
        ),
    ):
        try:
            yield queries
        except (SpecError, ConnectionFailed) as error:
            if not re.search("denied|is refused", error.what):
                raise
            fix = "grant replication slave admin, slave monitor on *.*, and all on pos_loader.*, to this user"
            raise ConnectionFailed(error.what, where=error.where, fix=fix) from None


def _require_replica(queries: Queries) -> dict[str, Any]:
    """Return the status of the one replication; raise `SpecError` where a build would disturb it."""
    status, where = _status(queries), f"MariaDB at {queries.server.address}"
    ((log_bin, domain, applied),) = queries.rows("select @@log_bin, @@gtid_domain_id, @@gtid_slave_pos")
    domains = {position.partition("-")[0] for position in str(applied).split(",")}
    if not applied:
        raise SpecError(
            "the replica has no GTID position",
            where=where,
            fix="replicate from a MariaDB with a binary log, and wait for the first transaction",
        )
    if status["Using_Gtid"] == "Current_Pos":
        raise SpecError(
            "the replica connects by gtid_current_pos, which its own writes change",
            where=where,
            fix="stop slave; change master to master_use_gtid = slave_pos; start slave",
        )
    if log_bin and str(domain) in domains:
        raise SpecError(
            f"the replica writes the marts to its binary log in the shop's own GTID domain {domain}",
            where=where,
            fix="set gtid_domain_id on this server to a number that the shop's servers do not use",
        )
    return status


def _status(queries: Queries) -> dict[str, Any]:
    """Read the status of the one replication of a server; raise `SpecError` where it has none, or several."""
    found = queries.records("show all slaves status")
    if len(found) == 1:
        return found[0]
    what = f"the server has {len(found)} replications" if found else "the server is no replica"
    fix = "replicate the shop by one connection, or copy it with pos-loader pull"
    raise SpecError(what, where=f"MariaDB at {queries.server.address}", fix=fix)


def _stopped_by_others(queries: Queries, status: dict[str, Any]) -> DataError:
    error = f": {status['Last_SQL_Error']}" if status["Last_SQL_Error"] else ""
    return DataError(
        f"the SQL thread is stopped, and not by pos-loader pause{error}",
        where=f"MariaDB at {queries.server.address}",
        fix="find out why, then start slave sql_thread",
    )


def _take(queries: Queries, lease: Lease, owner: str, *, is_running: bool, note: Note) -> None:
    """Take over a lease that is ours or void; raise `DataError` where another owner still needs it."""
    if lease.owner == owner:
        return
    if not (lease.expired or is_running):
        raise DataError(
            f"the replica is paused by {lease.named}",
            where=f"MariaDB at {queries.server.address}",
            fix="wait for it, or run pos-loader resume with that --owner",
        )
    why = "the SQL thread runs" if is_running else "it has expired"
    note(f"took over the pause of {lease.named}: {why}")


def _say_lag(status: dict[str, Any], note: Note) -> None:
    lag = status["Seconds_Behind_Master"]
    if lag is None:
        note("the replica does not receive from the shop now, so the moment may be old")
    elif lag:
        note(f"the replica is {lag} seconds behind the shop")


def _stop(queries: Queries) -> None:
    """Stop the SQL thread; it ends the transaction that it works on."""
    if _is_rds(queries):
        queries.call(f"mysql.{RDS[0]}")
    else:
        queries.execute("stop slave sql_thread")


def _start(queries: Queries) -> None:
    """Start the SQL thread, and look that it stays; raise `DataError` where it does not."""
    if _is_rds(queries):
        queries.call(f"mysql.{RDS[1]}")
    else:
        queries.execute("start slave sql_thread")
    deadline = time.monotonic() + START_SECONDS
    while (status := _status(queries))["Slave_SQL_Running"] != "Yes":
        if time.monotonic() > deadline:
            raise DataError(
                f"the SQL thread does not start: {status['Last_SQL_Error'] or 'no reason given'}",
                where=f"MariaDB at {queries.server.address}",
                fix="correct that, then run pos-loader resume again",
            )
        time.sleep(0.1)


def _is_rds(queries: Queries) -> bool:
    found = queries.rows(
        "select routine_name from information_schema.routines "
        "where routine_schema = 'mysql' and routine_name = %s",
        (RDS[0],),
    )
    return bool(found)


def _position(queries: Queries) -> str:
    ((gtid,),) = queries.rows("select @@gtid_slave_pos")
    return str(gtid)


def read_lease(queries: Queries) -> Lease | None:
    """Read the lease of the server; none where nobody has paused it."""
    try:
        rows = queries.rows(
            "select owner, state, gtid, stopped_at, expires_at, expires_at < utc_timestamp(6) "  # noqa: S608
            f"from {TABLE}"
        )
    except (TableReplaced, SpecError):  # no such table or schema
        return None
    if not rows:
        return None
    owner, state, gtid, stopped_at, expires_at, expired = rows[0]
    return Lease(owner, state, gtid, stopped_at, expires_at, bool(expired))


def _write(queries: Queries, owner: str, state: str, gtid: str, hours: float) -> None:
    """Write the lease in one statement; `stopped_at` stays while the position does."""
    try:
        _put(queries, owner, state, gtid, hours)
    except LoaderError:  # no such schema or table
        queries.execute(f"create database if not exists {SCHEMA} character set utf8mb4")
        queries.execute(
            f"create table if not exists {TABLE} (id tinyint not null primary key, "
            "owner varchar(500) not null, state varchar(10) not null, gtid text not null, "
            "stopped_at datetime(6) not null, expires_at datetime(6) not null, "
            "written_by varchar(300) not null) "
            "engine = innodb character set utf8mb4"
        )
        _put(queries, owner, state, gtid, hours)


def _put(queries: Queries, owner: str, state: str, gtid: str, hours: float) -> None:
    queries.execute(
        f"insert into {TABLE} values (1, %s, %s, %s, utc_timestamp(6), "  # noqa: S608
        "utc_timestamp(6) + interval %s second, %s) on duplicate key update "
        "stopped_at = if(state = values(state) and gtid = values(gtid), stopped_at, values(stopped_at)), "
        "owner = values(owner), state = values(state), gtid = values(gtid), "
        "expires_at = values(expires_at), written_by = values(written_by)",
        (owner, state, gtid, int(hours * 3600), f"{socket.gethostname()} {os.getpid()}"),
    )
