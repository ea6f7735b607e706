"""Find mongod and mongos: in POS_MONGO_BIN, then in PATH, then in the arm64 build of an npm package.

A single server needs no mongos, so it finds a native mongod on every machine.
"""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pos_sandbox import arm64, x86_64
from pos_sandbox.errors import UsageError


@dataclass(frozen=True)
class MongoTools:
    """The commands that start the programs; an emulator may come first."""

    mongod: tuple[str, ...]
    mongos: tuple[str, ...]


def find(cache: Path, note: Callable[[str], None]) -> MongoTools:
    """Return usable programs; fetch them into `cache` if the machine has none. Raises `UsageError`."""
    folder = os.environ.get("POS_MONGO_BIN")
    if folder:
        return _native(*(_in_folder(Path(folder), name) for name in ("mongod", "mongos")))
    mongod, mongos = shutil.which("mongod"), shutil.which("mongos")
    if mongod and mongos:
        return _native(mongod, mongos)
    machine = platform.machine()
    if machine not in ("x86_64", "aarch64", "arm64") or platform.system() != "Linux":
        raise UsageError(
            f"no mongod and mongos for {platform.system()} {machine}",
            where="PATH",
            fix="install MongoDB and set POS_MONGO_BIN to its folder, or use docker-compose.yml",
        )
    prefix, binaries = arm64.fetch(cache, emulate=machine == "x86_64", note=note)
    return MongoTools((*prefix, str(binaries / "mongod")), (*prefix, str(binaries / "mongos")))


def find_native(cache: Path, note: Callable[[str], None]) -> tuple[str, ...]:
    """Return the command of a mongod that needs no emulator. Raises `UsageError` where there is none."""
    folder = os.environ.get("POS_MONGO_BIN")
    if folder:
        return (_in_folder(Path(folder), "mongod"),)
    mongod = shutil.which("mongod")
    if mongod:
        return (mongod,)
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        return (str(x86_64.fetch(cache, note=note)),)
    return find(cache, note).mongod


def _in_folder(folder: Path, name: str) -> str:
    found = shutil.which(name, path=str(folder))
    if not found:
        raise UsageError(
            f"no {name} in {folder}", where="POS_MONGO_BIN", fix="set the folder that holds mongod and mongos"
        )
    return found


def _native(mongod: str, mongos: str) -> MongoTools:
    versions = [_release(mongod), _release(mongos)]
    if versions[0] != versions[1]:
        raise UsageError(
            f"mongod {versions[0]} and mongos {versions[1]} do not work together",
            where=f"{mongod}, {mongos}",
            fix="set POS_MONGO_BIN to a folder that holds both in one release",
        )
    return MongoTools((mongod,), (mongos,))


def _release(program: str) -> str:
    """Return major.minor; all servers of a cluster have the same."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False)
        output = done.stdout or done.stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        output = str(error)
    found = re.search(r"version v(\d+\.\d+)", output)
    if not found:
        raise UsageError(
            f"{Path(program).name} does not run: {output.strip()[:200]}",
            where=program,
            fix="repair it, or set POS_MONGO_BIN to another folder",
        )
    return found[1]
