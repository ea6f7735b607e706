"""Python programs that start at once: a process that has imported a program forks for each of its runs.

dbt computes for two seconds before its first line, pos-loader for half a second; a fork takes a hundredth of
that. Each run is a process of its own with its own arguments, environment, folder and output, and ends as the
interpreter ends. A run that has to be stopped or killed is started the ordinary way.
"""

import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

PRELOADED = {
    "dbt.cli.main": ("dbt.cli.main", "dbt.adapters.mariadb_marts", "tests.dbt_schemas"),
    "pos_loader": ("pos_loader.cli", "pos_loader.run.session", "pos_loader.evidence.keeper"),
}
"""The modules that can be run, and what is imported for each beforehand."""
AT_START = "PYTHON", "LC_", "LANG", "LD_"
"""Variables that begin so are read when Python starts: a run with others than ours starts Python."""


@dataclass(frozen=True)
class Template:
    """A process that has imported a program, and the connection by which it is asked to fork."""

    process: subprocess.Popen[bytes]
    connection: socket.socket


_templates: dict[str, Template] = {}


def run(
    module: str,
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    merged: bool = False,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module` to its end; `merged` puts what it writes to stderr in `stdout`.

    Raises subprocess.TimeoutExpired after `timeout` seconds, when it has been killed.
    """
    command = [sys.executable, "-m", module, *arguments]
    if _at_start(env) != _at_start(os.environ):
        errors = subprocess.STDOUT if merged else subprocess.PIPE
        return subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            timeout=timeout,
            check=False,
        )
    file = tempfile.TemporaryFile
    with file() as request, file() as out, file() as err:
        request.write(json.dumps([[*arguments], str(cwd), {**env}]).encode())
        request.seek(0)
        code = _ended(module, [request, out, out if merged else err], command, timeout)
        return subprocess.CompletedProcess(command, code, _text(out), _text(err))


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(AT_START)}


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


def _ended(module: str, files: Sequence[IO[bytes]], command: Sequence[str], timeout: float | None) -> int:
    """Have the module's process fork, and return the exit code of the fork."""
    if module not in _templates:
        _templates[module] = _started(module)
    connection, child = _templates[module].connection, 0
    try:
        socket.send_fds(connection, [b"run"], [file.fileno() for file in files])
        connection.settimeout(timeout)
        child = int(connection.recv(32))
        return int(connection.recv(32))
    except BaseException as error:
        _stop(module)
        if child:
            os.kill(child, signal.SIGKILL)
        if isinstance(error, TimeoutError):
            raise subprocess.TimeoutExpired([*command], timeout or 0) from None
        raise


def _started(module: str) -> Template:
    """Start the process that forks for the module's runs; it ends when the connection is closed."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, module, str(its.fileno())],
            cwd=Path(__file__).parents[1],
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
        )
    return Template(process, ours)


def _stop(module: str) -> None:
    template = _templates.pop(module)
    template.connection.close()
    template.process.kill()
    template.process.wait()


def stop() -> None:
    """Stop the processes that wait for runs."""
    for module in [*_templates]:
        _stop(module)


def _fork_for_each_request(connection: socket.socket) -> tuple[list[int], Any]:
    """Fork for each request; return, in the fork, the numbers of its output files and what it is to run."""
    while True:
        message, files, _, _ = socket.recv_fds(connection, 32, 3)
        if not message:
            os._exit(0)
        child = os.fork()
        if not child:
            connection.close()
            with os.fdopen(files[0]) as request:
                return files[1:], json.load(request)
        for file in files:
            os.close(file)
        connection.send(str(child).encode())
        _, status = os.waitpid(child, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def _main(module: str, connection: str) -> None:
    """Import the module, then become one of its runs, in a fork."""
    for name in PRELOADED[module]:
        import_module(name)
    gc.freeze()  # the forks' garbage collector leaves alone what they share
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    outputs, (arguments, folder, environment) = _fork_for_each_request(socket.socket(fileno=int(connection)))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(outputs, start=1):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv[1:] = arguments
    sys.path[0] = folder
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
