"""Server processes of this sandbox: find, start, await and stop them.

There are no pid files, so none can be out of date. A process belongs to this sandbox if its command line has
the argument that names the sandbox's log file; no other program has this argument.
"""

import os
import resource
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from pos_sandbox.errors import ServerError, UsageError

T = TypeVar("T")

HOST = "127.0.0.1"
POLL_SECONDS = 0.05
OPEN_FILES = 64_000  # what MongoDB asks for


@dataclass(frozen=True)
class Server:
    """One server; `flags` are its arguments, and the one that names its log file identifies it.

    Members of one replica set have the same `group`. `inner_ports` are those that other servers connect to.
    """

    name: str
    role: str
    program: str
    port: int
    log: Path
    flags: tuple[str, ...]
    group: str = ""
    inner_ports: tuple[int, ...] = ()

    @property
    def marker(self) -> str:
        """Return the argument that identifies a running process as this server."""
        return f"--log-error={self.log}" if self.program == "mariadbd" else f"--logpath={self.log}"


class Deadline:
    """A moment some seconds from now; `cancel` ends it at once, so that one failure stops the other waits."""

    def __init__(self, seconds: float) -> None:
        """Start counting."""
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Return the seconds that remain; below 0 if it has passed."""
        return self._end - time.monotonic()

    def extend(self, seconds: float) -> None:
        """Allow more time."""
        self._end += seconds

    def cancel(self) -> None:
        """Let it pass now."""
        self._end = float("-inf")


def running(servers: Iterable[Server]) -> dict[str, psutil.Process]:
    """Map the name of each running server to its process."""
    by_marker = {server.marker: server for server in servers}
    found: dict[str, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        for position, argument in enumerate(command):
            server = by_marker.get(argument)
            # under an emulator the program is not the first argument
            if server and any(Path(before).name == server.program for before in command[:position]):
                found[server.name] = process
    return found


def refuse_taken_port(server: Server) -> None:
    """Raise `UsageError` if another process listens on a port of `server`."""
    for port in (server.port, *server.inner_ports):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                is_first = port == server.port and server.name[-2:-1] != "_"
                option = server.name if is_first else "more"
                raise UsageError(
                    f"port {port} is taken: {error.strerror}",
                    where=f"{server.name}, {_holder(port)}",
                    fix=f"stop that process, or choose another --{option}-port or "
                    f"POS_SANDBOX_{option.upper()}_PORT (if new or erased)",
                ) from None


def _holder(port: int) -> str:
    try:
        pids = [c.pid for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.pid]
        return (
            f"held by {psutil.Process(pids[0]).name()}, pid {pids[0]}" if pids else "held by another process"
        )
    except psutil.Error:
        return "held by another process"


def start(server: Server, command: tuple[str, ...], *, more: tuple[str, ...] = ()) -> psutil.Process:
    """Start `command` with the server's and `more` flags in its own session; its output is in `<log>.out`."""
    server.log.parent.mkdir(parents=True, exist_ok=True)
    output = str(server.log.with_suffix(".out"))
    pid = os.posix_spawn(
        command[0],
        [*command, *server.flags, *more],
        os.environ,
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    process = psutil.Process(pid)
    _allow_open_files(process)
    return process


def _allow_open_files(process: psutil.Process) -> None:
    try:
        _, hard = process.rlimit(resource.RLIMIT_NOFILE)
        limit = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
        process.rlimit(resource.RLIMIT_NOFILE, (limit, hard))
    except psutil.Error:
        return  # it ended at once; the caller's wait says why


def wait_for(
    server: Server, process: psutil.Process, answer: Callable[[], T | None], *, deadline: Deadline
) -> T:
    """Poll `answer` until it returns something; raise `ServerError` if the process ends or time is up."""
    while True:
        result = answer()
        if result is not None:
            return result
        require_alive(server, process)
        if deadline.left < 0:
            raise ServerError(
                f"{server.name} does not answer: {last_words(server)}",
                where=f"port {server.port}, pid {process.pid}",
                fix=f"see {server.log}, then `pos-sandbox down` and `pos-sandbox up`",
            )
        time.sleep(POLL_SECONDS)


def require_alive(server: Server, process: psutil.Process) -> None:
    """Raise `ServerError` with the server's last words if its process has ended."""
    if not alive(process):
        raise ServerError(
            f"{server.name} ended while starting: {last_words(server)}",
            where=f"port {server.port}",
            fix=f"see {server.log} and run `pos-sandbox up` again",
        )


def alive(process: psutil.Process) -> bool:
    """Tell whether the process still runs (a zombie does not)."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def last_words(server: Server) -> str:
    """Return the last error line a server left, or its last line, shortened."""
    tails: list[str] = []
    for path in (server.log, server.log.with_suffix(".out")):
        if path.is_file():
            with path.open(encoding="utf-8", errors="replace") as lines:
                tails += [line.strip() for line in deque(lines, maxlen=50) if line.strip()]
    errors = [line for line in tails if '"s":"F"' in line or '"s":"E"' in line or "rror" in line]
    return (errors or tails or ["it left no log"])[-1][:300]


def stop(processes: Iterable[psutil.Process], *, grace: float) -> list[int]:
    """Terminate all, wait `grace` seconds, kill the rest; return the pids that had to be killed."""
    asked = list(processes)
    for process in asked:
        _quietly(process.terminate)
    _, stubborn = psutil.wait_procs(asked, timeout=grace)
    for process in stubborn:
        _quietly(process.kill)
    psutil.wait_procs(stubborn, timeout=grace)
    return [process.pid for process in stubborn]


def _quietly(signal: Callable[[], None]) -> None:
    try:
        signal()
    except psutil.NoSuchProcess:
        return
