"""What the processes of one test session share: a folder, what is made once, and the servers.

Each worker of pytest-xdist is a process. The process that a person starts makes the folder and names it in
POS_TEST_SESSION, which the workers inherit. Every lock is the kernel's (flock) and ends with the process that
holds it, so a killed process leaves none behind.
"""

import fcntl
import os
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import IO
from urllib.parse import quote

from pos_sandbox import mongo_tools, single
from pos_sandbox.cluster import START_SECONDS, STOP_SECONDS, Sandbox
from pos_sandbox.process import HOST, Deadline, running, start, stop, wait_for
from pos_sandbox.settings import MORE, STATE_FILE, Ports, cache_folder, stored_ports

VARIABLE = "POS_TEST_SESSION"
PREFIX = "pos-tests-"
ALIVE = "alive"
"""The file in a session's folder whose lock all its processes share."""
NATIVE = "native"
"""The folder of the native MongoDB in a session's folder."""
WAIT_SECONDS = 500.0
"""Less than a test may take, so that the test that waits says what it waits for."""
_held: dict[Path, IO[str]] = {}


def begin() -> bool:
    """Join the session that the environment names, or begin one; return whether this process began it."""
    begun = VARIABLE not in os.environ
    if begun:
        # The folder gets its name after its lock: no other session may take it for a dead one.
        made = Path(tempfile.mkdtemp(prefix="pos-new-tests-"))
        hold(made / ALIVE, fcntl.LOCK_SH)
        made.chmod(0o711)  # Galera's nodes may run as another user
        path = made.with_name(PREFIX + made.name.removeprefix("pos-new-tests-"))
        made.rename(path)
        os.environ[VARIABLE] = str(path)
        _remove_dead_sessions()
    else:
        hold(folder() / ALIVE, fcntl.LOCK_SH)
    return begun


def end() -> None:
    """Stop the servers that this session started, and remove its folder."""
    kept = _kept_root()
    if _started().exists():
        Sandbox(kept or folder() / "sandbox").down(erase=not kept)
    _stop_native(folder())
    let_go()
    shutil.rmtree(folder(), ignore_errors=True)
    del os.environ[VARIABLE]


def let_go() -> None:
    """Give up the locks of this process, as its end does."""
    while _held:
        _held.popitem()[1].close()


def _remove_dead_sessions() -> None:
    """Stop the servers and remove the folders of sessions whose processes were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):  # another session removes it
            if path.owner() == folder().owner() and not _is_held(path / ALIVE):
                for state in path.glob(f"*/{STATE_FILE}"):
                    Sandbox(state.parent).down(erase=True)
                _stop_native(path)
                shutil.rmtree(path, ignore_errors=True)


def folder() -> Path:
    """The folder of this session; its end removes it."""
    return Path(os.environ[VARIABLE])


def own(name: str) -> str:
    """The name that this process gives to its copy of something shared."""
    return f"{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}"


def claim(schema: str) -> None:
    """Reserve the name of a schema for this process; outside a session nobody else wants it.

    Raises AssertionError when another process of the session uses the name: test files use different names.
    """
    if VARIABLE in os.environ:
        names = folder() / "names"
        names.mkdir(exist_ok=True)
        free = hold(names / quote(schema, safe=""), fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert free, f"schema {schema} is another test file's (see {names})"


def once(name: str, make: Callable[[Path], None]) -> Path:
    """Let the first process that asks make a folder while the others wait; return the folder.

    A folder that is half made, because `make` failed or was killed, is made again by the next one that asks.
    """
    made, done = folder() / name, folder() / f"{name}.done"
    with locked(folder() / f"{name}.lock", f"{name} of the test session"):
        if not done.exists():
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            make(made)
            done.touch()
    return made


@contextmanager
def locked(path: Path, purpose: str, *, seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold a lock that one process can hold at a time; `purpose` is what a process waits for meanwhile.

    Raises TimeoutError when another process keeps it longer than `seconds`.
    """
    deadline = time.monotonic() + seconds
    with path.open("a+") as file:
        while not _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
            if time.monotonic() > deadline:
                file.seek(0)
                raise TimeoutError(
                    f"waited {seconds:.0f} s for {purpose}, which process {file.read()} makes ({path})"
                )
            time.sleep(0.1)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def free_ports() -> Ports:
    """Return free ports, below those the kernel hands to outgoing connections."""
    chosen: list[int] = []
    while len(chosen) < len(fields(Ports)):
        port = random.randrange(20_000, 30_000)  # noqa: S311
        if len(chosen) == len(fields(Ports)) - 1:  # the last is the first of a row
            port -= 10_000
        row = range(port, port + (MORE if port < 20_000 else 1))
        if port not in chosen and all(map(_is_free, row)):
            chosen.append(port)
    return Ports(*chosen)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return bool(probe.connect_ex((HOST, port)))


def sandbox() -> Sandbox:
    """The session's servers; the first process that asks starts them."""
    root = _kept_root() or folder() / "sandbox"

    def start(_: Path) -> None:
        servers = Sandbox(root, stored_ports(root) or free_ports())
        if not running(servers.servers):
            _started().touch()
        servers.up()

    once("servers", start)
    return Sandbox(root)


def native_uri() -> str:
    """The address of a native MongoDB of one member; the first process that asks starts it."""

    def begin_native(root: Path) -> None:
        port = free_ports().shard1
        described = single.server(root, port, cache_gb=0.5)
        process = start(described, mongo_tools.find_native(cache_folder(), print))
        wait_for(described, process, lambda: single.primary(port), deadline=Deadline(START_SECONDS))
        (root / "uri").write_text(f"mongodb://{HOST}:{port}")

    return (once(NATIVE, begin_native) / "uri").read_text()


def _stop_native(path: Path) -> None:
    """Stop the native MongoDB of the session in this folder, if there is one."""
    if (path / NATIVE).exists():
        stop(running([single.server(path / NATIVE, 0, cache_gb=0)]).values(), grace=STOP_SECONDS)


def _kept_root() -> Path | None:
    kept = os.environ.get("POS_TEST_SANDBOX_DIR")
    return Path(kept) if kept else None


def _started() -> Path:
    """The file that says that the servers did not run before the session."""
    return folder() / "started"


def hold(path: Path, operation: int) -> bool:
    """Take a lock until this process ends; return whether it got it."""
    if path in _held:
        return True
    file = path.open("a")
    if not _lock(file, operation):
        file.close()
        return False
    _held[path] = file
    return True


def _lock(file: IO[str], operation: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(file, operation)
        return True
    return False


def _is_held(path: Path) -> bool:
    """Whether a process holds the lock of a file; this process counts."""
    with path.open("a") as file:
        return not _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
