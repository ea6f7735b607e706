"""Looks at everything that a load needs, and says for each whether it is well, for `pos-loader doctor`.

It only reads. A check that cannot be made is a line too. The remedy of a line is what to do next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pos_loader.collection import Collection
from pos_loader.dbt.artifacts import last_run_results, read_manifest
from pos_loader.dbt.gate import judge, read_stamp
from pos_loader.dbt.schema import Manifest
from pos_loader.declaration.spec import read_collections
from pos_loader.errors import LoaderError, SpecError
from pos_loader.masking import masked_address
from pos_loader.publish import builds
from pos_loader.publish.lease import LEASES
from pos_loader.servers import encryption, mariadb, mongo, mongo_client, privileges
from pos_loader.servers.mariadb import Queries
from pos_loader.servers.profile import MariaDB, read_profile
from pos_loader.settings import Settings
from pos_loader.shop import pause

OK, WARN, FAIL = "ok", "warn", "fail"
HEADS = ("", "what", "found", "remedy")
SKEW_SECONDS = 2.0
"""By how much the clock of a server may differ from this machine's."""
FULL_SHARE = 0.8
"""From which share of use on a disk of MongoDB is named."""
LIFECYCLES = {
    "MariaDB": {
        (10, 6): date(2026, 7, 6),
        (10, 11): date(2028, 2, 16),
        (11, 4): date(2029, 5, 29),
        (11, 8): date(2028, 6, 4),
        (12, 3): date(2029, 6, 30),
    },
    "MongoDB": {
        (6, 0): date(2025, 7, 31),
        (7, 0): date(2027, 8, 31),
        (8, 0): date(2029, 10, 31),
    },
}
"""When maintenance of each long-term release ends. Sources: https://mariadb.org/about/#maintenance-policy,
https://www.mongodb.com/legal/support-policy/lifecycles"""


@dataclass(frozen=True)
class Line:
    """One check: `state` is ok, warn or fail; a remedy says what to do."""

    state: str
    what: str
    found: str
    remedy: str = ""

    @property
    def row(self) -> tuple[str, str, str, str]:
        """Spell the line as a table row under `HEADS`."""
        return self.state, self.what, self.found, self.remedy


def as_json(lines: Sequence[Line]) -> dict[str, Any]:
    """Spell all lines as JSON values."""
    counts = {state: sum(line.state == state for line in lines) for state in (OK, WARN, FAIL)}
    return {"counts": counts, "checks": [asdict(line) for line in lines]}


def examine(settings: Settings) -> list[Line]:
    """Make all checks. An error of one is a line, and the others go on."""
    lines: list[Line] = []
    manifest, collections = _project(settings, lines)
    _mariadb(settings, manifest, collections, lines)
    _mongodb(settings, collections, lines)
    return lines


@contextmanager
def _told(lines: list[Line], what: str) -> Iterator[Callable[..., None]]:
    """Give the function that adds a line about `what`; an error becomes a line."""

    def add(state: str, found: str, remedy: str = "", *, of: str = "") -> None:
        lines.append(Line(state, f"{what}{of and f' {of}'}", found, remedy if state != OK else ""))

    try:
        yield add
    except LoaderError as error:
        found = f"{error.what} ({error.where})" if error.where else error.what
        lines.append(Line(FAIL, what, found, error.fix))


def _project(settings: Settings, lines: list[Line]) -> tuple[Manifest | None, tuple[Collection, ...]]:
    manifest, collections = None, tuple[Collection, ...]()
    with _told(lines, "dbt artifacts") as add:
        manifest = read_manifest(settings.artifacts)
        add(OK, f"manifest of {len(manifest.nodes):,} nodes")
    if manifest is not None:
        faults = dict[str, SpecError]()
        collections = read_collections(manifest, database=settings.mongo_database, faults=faults)
        with _told(lines, "declarations") as add:
            add(
                OK if collections else WARN,
                f"{len(collections)} collections",
                "add meta.mongo to an exposure",
            )
            for name, error in faults.items():
                add(FAIL, error.what, error.fix, of=f"of {name}")
    return manifest, collections


def _mariadb(
    settings: Settings, manifest: Manifest | None, collections: Sequence[Collection], lines: list[Line]
) -> None:
    with _told(lines, "MariaDB") as add:
        server = read_profile(
            settings.project_dir,
            profiles_dir=settings.profiles_dir,
            target=settings.target,
            timeout=settings.mongo_timeout,
            allow_plain=True,
        )
        _tls(add, server.exposed, bool(server.ssl_ca), "give ssl_ca in the profile")
        with mariadb.connect(server) as queries:
            _server(queries, add)
            _durability(queries, add)
            _pause(queries, add)
        if manifest is not None:
            _gate(settings, server, manifest, collections, lines)


def _tls(add: Callable[..., None], exposed: str, is_checked: bool, remedy: str) -> None:
    if exposed:
        add(FAIL, exposed, f"{remedy}, or set {encryption.ALLOW}=1", of="TLS")
    else:
        add(OK, "it must prove who it is" if is_checked else "none, on this machine", of="TLS")


def _server(queries: Queries, add: Callable[..., None]) -> None:
    before = time.time()
    ((version, now, charset, zone),) = queries.rows(
        "select version(), unix_timestamp(now(6)), @@global.character_set_server, @@system_time_zone"
    )
    _lifecycle(add, "MariaDB", version)
    _clock(add, float(now) - (before + time.time()) / 2)
    add(OK, f"{charset}, {zone}; sessions set utf8mb4 and UTC", of="character set and time zone")
    server = queries.server
    add(OK, f"{server.address}{', a Galera node that is Synced' if server.is_galera else ''}", of="address")


def _lifecycle(add: Callable[..., None], program: str, version: str) -> None:
    major, minor, *_ = version.split(".")
    end = LIFECYCLES[program].get((int(major), int(minor)))
    if end is None:
        add(WARN, f"{version}, no long-term release that we know", "prefer a long-term release", of="version")
    elif end < datetime.now(UTC).date():
        add(WARN, f"{version}, not maintained since {end}", "upgrade it", of="version")
    else:
        add(OK, f"{version}, maintained until {end}", of="version")


def _clock(add: Callable[..., None], skew: float) -> None:
    state = OK if abs(skew) <= SKEW_SECONDS else WARN
    found = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine"
    add(state, found, "run NTP on both: build ages and leases' expiry are shown wrongly", of="clock")


def _durability(queries: Queries, add: Callable[..., None]) -> None:
    ((flush, log, sync),) = queries.rows(
        "select @@global.innodb_flush_log_at_trx_commit, @@global.log_bin, @@global.sync_binlog"
    )
    weak = [f"innodb_flush_log_at_trx_commit={flush}"] if flush != 1 else []
    weak += [f"sync_binlog={sync}"] if log and sync != 1 else []
    found = ", ".join(weak) or "each commit is flushed"
    add(WARN if weak else OK, found, "set it to 1, or a crash may lose a build", of="durability")


def _pause(queries: Queries, add: Callable[..., None]) -> None:
    lease = pause.read_lease(queries)
    if lease is None:
        add(OK, "none", of="paused replica")
    else:
        add(WARN, lease.named, "run pos-loader resume when no build is running", of="paused replica")


def _gate(
    settings: Settings,
    server: MariaDB,
    manifest: Manifest,
    collections: Sequence[Collection],
    lines: list[Line],
) -> None:
    with _told(lines, "dbt gate") as add:
        results = last_run_results(settings.artifacts)
        if results is None:
            add(FAIL, "no results of a dbt run", "run dbt build")
            return
        with mariadb.connect(server) as queries:
            stamp = read_stamp(queries, server.schema)
        age = timedelta(hours=settings.max_build_age)
        verdicts = judge(collections, manifest=manifest, results=results, stamp=stamp, max_age=age)
        refused = [verdict for verdict in verdicts if verdict.refused]
        for verdict in refused:
            add(FAIL, verdict.refused, "run dbt build", of=f"of {verdict.collection}")
        if not refused:
            add(OK, f"a load may publish {len(verdicts)} collections")


def _mongodb(settings: Settings, collections: Sequence[Collection], lines: list[Line]) -> None:
    uri = settings.mongo_uri.get_secret_value()
    with _told(lines, "MongoDB") as add:
        _tls(add, encryption.exposed(uri), encryption.uses_tls(uri), "correct POS_MONGO_URI")
        with mongo_client.connected(uri, timeout=settings.mongo_timeout, allow_plain=True) as client:
            found = mongo_client.topology(client)
            _lifecycle(add, "MongoDB", ".".join(map(str, found.version)))
            _topology(client, found, add)
            with mongo.translated(client, "read the clock"):
                before = time.time()
                there = client.admin.command("hello")["localTime"].replace(tzinfo=UTC).timestamp()
            _clock(add, there - (before + time.time()) / 2)
            add(OK, masked_address(uri), of="address")
            databases = sorted({each.database for each in collections} or {settings.mongo_database})
            for database in databases:
                _database(client, database, add, sharded=found.is_cluster)


def _topology(client: mongo.Client, found: mongo_client.Topology, add: Callable[..., None]) -> None:
    if not found.is_cluster:
        if not found.has_transactions:
            add(
                WARN,
                "a standalone server: each load is a full refresh",
                "make it a replica set",
                of="topology",
            )
            return
        _members(client, add)
        return
    with mongo.translated(client, "read the shards"):
        shards = {each["_id"]: each["host"] for each in client["config"]["shards"].find()}
        balancer = client.admin.command("balancerStatus")["mode"]
    alone = sorted(name for name, host in shards.items() if host.count(",") == 0)
    found_text = f"{len(shards)} shards" + (f", of one member each: {', '.join(alone)}" if alone else "")
    add(
        WARN if alone else OK,
        found_text,
        "give each shard three members, or its data has no copy",
        of="topology",
    )
    is_off = balancer == "off"
    add(WARN if is_off else OK, "off" if is_off else "on", "sh.startBalancer()", of="balancer")


def _members(client: mongo.Client, add: Callable[..., None]) -> None:
    with mongo.translated(client, "read the members"):
        members = client.admin.command("replSetGetStatus")["members"]
    newest = max(each["optimeDate"] for each in members if "optimeDate" in each)
    down = [each["name"] for each in members if each["stateStr"] not in ("PRIMARY", "SECONDARY", "ARBITER")]
    lag = max((newest - each["optimeDate"]).total_seconds() for each in members if "optimeDate" in each)
    text = f"a replica set of {len(members)}, the slowest {lag:.0f} s behind"
    text += f"; down: {', '.join(down)}" if down else ""
    few = "" if len(members) > 1 else "; its data has no copy"
    add(WARN if down or few else OK, f"{text}{few}", "have three members, all running", of="topology")


def _database(client: mongo.Client, name: str, add: Callable[..., None], *, sharded: bool) -> None:
    missing = privileges.missing_actions(client, name, sharded=sharded)
    add(
        FAIL if missing else OK,
        f"{name}: {', '.join(missing) or 'all that a load needs'}",
        "grant the user these actions",
        of="rights",
    )
    with mongo.translated(client, f"look into {name}"):
        leases = [str(each["_id"]) for each in client[name][LEASES].find()]
        left = [str(each["_id"]) for each in client[name][builds.BUILDS].find()]
        stats = client[name].command("dbStats")
    add(
        WARN if leases else OK,
        f"{name}: {', '.join(leases) or 'none'}",
        "a load is running; the lease of one that died ends within a minute",
        of="leases",
    )
    add(
        WARN if left else OK,
        f"{name}: {', '.join(left) or 'none'}",
        "the next load drops it, load --resume continues it",
        of="builds left over",
    )
    disks = [each for each in stats.get("raw", {"": stats}).values() if each.get("fsTotalSize")]
    used = max((each["fsUsedSize"] / each["fsTotalSize"] for each in disks), default=None)
    if used is None and not stats.get("collections"):
        add(OK, f"{name} does not exist yet", of="disk")
    elif used is None:
        add(WARN, "not known", "ask the servers' own monitoring", of="disk")
    else:
        state = WARN if used > FULL_SHARE else OK
        add(state, f"{used:.0%} used on the fullest", "a full refresh needs room for a copy", of="disk")
