"""A pull copies the five tables of a shop that stays open, as they were at one moment, into a landing schema.

The new tables are made beside the old ones and take their place in one RENAME TABLE, with the row that names
their moment. So a reader sees one moment, and a pull that fails or is killed changes nothing. The shop's
server is read in one snapshot, which locks no row: its writers do not wait.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from pos_loader import __version__
from pos_loader.errors import (
    ConnectionFailed,
    LoaderError,
    PartialLoad,
    SpecError,
    TableLocked,
    TableReplaced,
)
from pos_loader.load_results import Moment
from pos_loader.servers import mariadb
from pos_loader.servers.mariadb import Queries, quote
from pos_loader.servers.profile import MariaDB
from pos_loader.shop.copy import copy
from pos_loader.shop.lock import lock_name, locked
from pos_loader.shop.tables import MARK, NAMES, Table, describe

MOMENT_TABLE = "pos_loader_moment"
NEW, OLD = "__incoming", "__outgoing"
"""Suffixes of the tables that stand beside the live ones during a pull."""
HEADS = ("table", "rows")
SESSION = "set session sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'"
"""Strict, but it takes zero dates, which a shop may hold and staging reads."""


class Progress(Protocol):
    """The console, as far as a pull needs it."""

    def note(self, text: str, **context: object) -> None:
        """Say one thing that the user should know."""

    def start(self, name: str, *, rows: int, unit: str = "rows") -> None:
        """Begin a table with about this number of rows."""

    def advance(self, name: str, *, rows: int) -> None:
        """Report that rows of a table are done."""


@dataclass(frozen=True)
class Pulled:
    """What a pull did: the moment of the shop that the landing schema holds, and the rows of each table."""

    moment: Moment
    landing: str
    rows: Mapping[str, int]
    seconds: float


def pull(shop: MariaDB, server: MariaDB, landing: str, progress: Progress) -> Pulled:
    """Copy the tables of `shop` into the schema `landing` of `server`.

    Raises `SpecError` for what cannot be copied or must not be replaced, `DataError` where another pull
    runs or a value does not arrive as it was, `PartialLoad` where the shop rebuilt a table meanwhile, and
    `ConnectionFailed`. The landing schema is as it was then.
    """
    began = time.monotonic()
    with (
        mariadb.connect(shop) as source,
        mariadb.connect(server) as target,
        locked(
            target,
            lock_name("pull", landing),
            busy=f"another pull into {landing} is running",
            fix="wait for it to end",
        ),
        _as_it_was(landing),
    ):
        target.execute(SESSION)
        target.execute(
            f"create database if not exists {quote(landing)} character set utf8mb4 collate utf8mb4_unicode_ci"
        )
        _require_ours(target, landing)
        moment = _begin_snapshot(source, progress)
        tables = describe(source)
        _drop(target, landing)  # a killed pull may have left them
        try:
            rows = {table.name: _copied(source, target, table, landing, progress) for table in tables}
            _record(target, landing, moment, shop, sum(rows.values()))
            _swap(target, landing)
        finally:
            with suppress(LoaderError):
                _drop(target, landing)
    return Pulled(moment, landing, rows, round(time.monotonic() - began, 3))


@contextmanager
def _as_it_was(landing: str) -> Iterator[None]:
    """Say in every error what has become of the landing schema."""
    kept = f"{landing} is as it was"
    try:
        yield
    except (TableReplaced, TableLocked) as error:
        reason = error.what.partition(": ")[2]
        what = f"the shop rebuilt a table while it was copied, or keeps it locked: {reason}"
        raise PartialLoad(what, where=error.where, fix=f"{kept}; run pos-loader pull again") from None
    except SpecError as error:
        fix = error.fix.replace("run dbt build again", "correct it and run pos-loader pull again")
        raise SpecError(error.what, where=error.where, fix=f"{kept}; {fix}") from None
    except ConnectionFailed as error:
        raise ConnectionFailed(error.what, where=error.where, fix=f"{kept}; {error.fix}") from None


def _require_ours(target: Queries, landing: str) -> None:
    """Raise `SpecError` where a pull would replace something that no pull made, such as the shop itself."""
    names = {f"{name}{suffix}" for name in (*NAMES, MOMENT_TABLE) for suffix in ("", NEW, OLD)}
    foreign = sorted(
        str(name)
        for name, comment in target.rows(
            "select table_name, table_comment from information_schema.tables where table_schema = %s",
            (landing,),
        )
        if str(name).lower() in names and comment != MARK
    )
    if foreign:
        raise SpecError(
            f"{', '.join(foreign)} {'was' if len(foreign) == 1 else 'were'} not made by a pull",
            where=f"schema {landing} of MariaDB at {target.server.address}",
            fix="name another schema with --into",
        )


def _begin_snapshot(source: Queries, progress: Progress) -> Moment:
    """Open the snapshot, and name its moment: its position in the binary log, and the time.

    Source: https://mariadb.com/kb/en/enhancements-for-start-transaction-with-consistent-snapshot/
    """
    source.execute("set session transaction isolation level repeatable read")
    source.execute("start transaction with consistent snapshot, read only")
    place = {str(name).lower(): value for name, value in source.rows("show status like 'binlog_snapshot_%'")}
    ((at,),) = source.rows("select utc_timestamp(6)")
    gtid = ""
    if place.get("binlog_snapshot_file"):
        ((found,),) = source.rows(
            "select binlog_gtid_pos(%s, %s)",
            (place["binlog_snapshot_file"], int(place["binlog_snapshot_position"])),
        )
        gtid = str(found or "")
    if not gtid:
        progress.note("the shop's server has no binary log, so the moment is a time without a GTID")
    return Moment("snapshot", gtid, f"{at.isoformat(timespec='microseconds')}Z")


def _copied(source: Queries, target: Queries, table: Table, landing: str, progress: Progress) -> int:
    """Copy one table beside the live one. The savepoint lets the shop alter the table once it is read."""
    name = f"{quote(landing)}.{quote(table.name + NEW)}"
    ((estimate,),) = source.rows(
        "select coalesce(max(table_rows), 0) from information_schema.tables "
        "where table_schema = %s and table_name = %s",
        (source.server.schema, table.found),
    )
    progress.start(table.name, rows=int(estimate))
    target.execute(table.ddl(name))
    source.execute("savepoint table_begun")
    rows = copy(source, target, table, name, lambda done: progress.advance(table.name, rows=done))
    source.execute("rollback to savepoint table_begun")
    if table.key_ddl(name):
        target.execute(table.key_ddl(name))
    target.rows(f"analyze table {name}")
    return rows


def _record(target: Queries, landing: str, moment: Moment, shop: MariaDB, rows: int) -> None:
    """Make the table of one row that names the moment; dbt's hook reads it."""
    name = f"{quote(landing)}.{MOMENT_TABLE}{NEW}"
    target.execute(
        f"create table {name} (mode varchar(10) not null primary key, gtid text not null, "
        "taken_at datetime(6) not null, pulled_at datetime(6) not null, server varchar(300) not null, "
        "source_schema varchar(64) not null, copied_rows bigint not null, pulled_by varchar(300) not null, "
        f"loader_version varchar(40) not null) engine = innodb character set utf8mb4 comment = '{MARK}'"
    )
    target.execute(
        f"insert into {name} values (%s, %s, %s, utc_timestamp(6), %s, %s, %s, %s, %s)",  # noqa: S608
        (
            *(moment.mode, moment.gtid, moment.at.removesuffix("Z")),
            *(shop.address, shop.schema, rows, f"{socket.gethostname()} {os.getpid()}", __version__),
        ),
    )


def _swap(target: Queries, landing: str) -> None:
    """Put the new tables in the place of the old ones, all in one step."""
    schema = quote(landing)
    there = {
        str(name).lower()
        for (name,) in target.rows(
            "select table_name from information_schema.tables where table_schema = %s", (landing,)
        )
    }
    moves = []
    for name in (*NAMES, MOMENT_TABLE):
        if name in there:
            moves.append(f"{schema}.{quote(name)} to {schema}.{quote(name + OLD)}")
        moves.append(f"{schema}.{quote(name + NEW)} to {schema}.{quote(name)}")
    target.execute(f"rename table {', '.join(moves)}")


def _drop(target: Queries, landing: str) -> None:
    """Drop the tables that stand beside the live ones."""
    tables = [f"{name}{suffix}" for name in (*NAMES, MOMENT_TABLE) for suffix in (NEW, OLD)]
    names = (f"{quote(landing)}.{quote(table)}" for table in tables)
    target.execute(f"drop table if exists {', '.join(names)}")


def as_json(done: Pulled) -> dict[str, object]:
    """Spell a pull as JSON values."""
    moment = {"mode": done.moment.mode, "gtid": done.moment.gtid, "at": done.moment.at}
    return {"landing": done.landing, "moment": moment, "rows": dict(done.rows), "seconds": done.seconds}
