"""The folder of downloaded programs: processes take turns, and nothing half done stays."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pos_sandbox.errors import ServerError


@contextlib.contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Hold the lock of the folder, and remove what a killed run left there; make the folder if needed."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for abandoned in cache.glob("partial-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        yield


@contextlib.contextmanager
def in_place(final: Path) -> Iterator[Path]:
    """Yield an empty folder beside `final`; rename it to `final` when the block succeeds."""
    with tempfile.TemporaryDirectory(prefix="partial-", dir=final.parent) as scratch:
        made = Path(scratch) / final.name
        made.mkdir()
        yield made
        made.rename(final)


def run(command: list[str], *, what: str, where: str) -> None:
    """Run a program that downloads; raise `ServerError` with its last line if it fails."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        remedy = "install debian-archive-keyring" if "is not signed" in done.stderr else "check the network"
        raise ServerError(
            f"{what} failed: {lines[-1][:300]}",
            where=where,
            fix=f"{remedy} and rerun, or set POS_MONGO_BIN to a folder with native mongod and mongos",
        )
