"""One rootless MariaDB: data folder, flags, user and schemas."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import mysql.connector

from pos_sandbox.errors import ServerError, UsageError
from pos_sandbox.process import HOST, Server

USER = PASSWORD = "pos"  # noqa: S105 - the sandbox listens on loopback only, and its documents say so
SOURCE_SCHEMA = "pos"
TARGET_SCHEMA = "analytics"
CHARSET = "utf8mb4"
COLLATION = "utf8mb4_unicode_ci"
# docker-compose.yml starts its server with the same flags; a test compares the two.
TUNING = (
    f"--character-set-server={CHARSET}",
    f"--collation-server={COLLATION}",
    "--default-time-zone=+00:00",
    "--sql-mode=STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
    "--skip-name-resolve",
    "--local-infile=ON",
    "--max-allowed-packet=64M",
    "--innodb-buffer-pool-size=512M",
    "--innodb-flush-log-at-trx-commit=2",
    "--tmp-table-size=64M",
    "--max-heap-table-size=64M",
)
LOCK_WAIT_SECONDS = 60
# The state of every session, whatever the server's defaults; the loader's servers/session.py explains it.
SESSION = (
    "set session transaction isolation level read committed, read write",
    f"set names {CHARSET} collate {COLLATION}, "
    "session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION', "
    "session time_zone = '+00:00', session autocommit = 1, session old_mode = '', "
    "session lc_messages = 'en_US', session system_versioning_asof = default, "
    "session completion_type = 'NO_CHAIN', session sql_auto_is_null = 0, session sql_safe_updates = 0, "
    "session sql_big_selects = 1, session sql_select_limit = 18446744073709551615, "
    "session sql_notes = 1, session max_error_count = 64, session unique_checks = 1, "
    "session default_storage_engine = 'InnoDB', session innodb_strict_mode = 1, "
    f"session max_statement_time = 0, session lock_wait_timeout = {LOCK_WAIT_SECONDS}, "
    "session wait_timeout = 28800, session idle_transaction_timeout = 0, "
    "session idle_write_transaction_timeout = 0, session idle_readonly_transaction_timeout = 0 "
    "/*M!110202 , session character_set_collations = 'utf8mb4=utf8mb4_general_ci' */",
)
SOCKET_PATH_LIMIT = 100  # the kernel takes 107 bytes
SEARCH = ":/usr/local/sbin:/usr/sbin:/sbin"


def server(root: Path, port: int, name: str = "mariadb") -> Server:
    """Describe the MariaDB of the sandbox in `root`, or a further one of another name."""
    log = root / "log" / f"{name}.log"
    flags = (
        "--no-defaults",  # must come first
        f"--log-error={log}",
        f"--datadir={root / name}",
        f"--tmpdir={temporary(root, name)}",
        f"--socket={_socket(root, name)}",
        f"--pid-file={root / f'{name}.pid'}",
        f"--bind-address={HOST}",
        f"--port={port}",
        f"--init-file={root / 'mariadb-init.sql'}",
        *_as_root(),
        *TUNING,
    )
    return Server(name, "source and marts", "mariadbd", port, log, flags)


def _as_root() -> tuple[str, ...]:
    """Return the flag without which MariaDB refuses to run as root, for example in a container."""
    return ("--user=root",) if os.geteuid() == 0 else ()


def temporary(root: Path, name: str = "mariadb") -> Path:
    """Return a folder of its own: a server that starts clears all temporary tables out of its tmpdir."""
    return root / f"{name}-tmp"


def _socket(root: Path, name: str) -> Path:
    path = root / f"{name}.sock"
    if len(str(path)) <= SOCKET_PATH_LIMIT:
        return path
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"pos-sandbox-{digest}.sock"


def find_program(name: str, package: str) -> str:
    """Return the path of a program; raise `UsageError` that names the apt package if it is missing."""
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + SEARCH)
    if not found:
        raise UsageError(f"{name} is missing", where="PATH", fix=f"apt-get install {package}")
    return found


def prepare(root: Path) -> tuple[str, ...]:
    """Create the data folder if it is missing, write the init file, and return the command to start."""
    mariadbd = find_program("mariadbd", "mariadb-server-core")
    data = root / "mariadb"
    temporary(root).mkdir(parents=True, exist_ok=True)
    if not data.is_dir():
        _install(root, data)
    init = [f"CREATE DATABASE IF NOT EXISTS `{schema}`" for schema in (SOURCE_SCHEMA, TARGET_SCHEMA)]
    for host in (HOST, "localhost"):
        init.append(f"CREATE USER IF NOT EXISTS '{USER}'@'{host}' IDENTIFIED BY '{PASSWORD}'")
        init.append(f"GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'{host}' WITH GRANT OPTION")
    (root / "mariadb-init.sql").write_text(";\n".join(init) + ";\n")
    return (mariadbd,)


def _install(root: Path, data: Path) -> None:
    install = find_program("mariadb-install-db", "mariadb-server-core")
    find_program("my_print_defaults", "mariadb-client-core")  # mariadb-install-db calls it
    partial = root / "mariadb.partial"
    shutil.rmtree(partial, ignore_errors=True)
    done = subprocess.run(
        [
            install,
            "--no-defaults",
            f"--datadir=./{partial.name}",  # relative: the script does not quote it
            *_as_root(),
            "--skip-name-resolve",
            "--skip-test-db",
            "--auth-root-authentication-method=socket",
        ],
        cwd=root,
        env={**os.environ, "TMPDIR": str(temporary(root))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise ServerError(
            f"mariadb-install-db failed: {lines[-1]}",
            where=str(partial),
            fix="correct that and run `pos-sandbox up`",
        )
    partial.rename(data)


def connect(
    *, host: str = HOST, port: int, user: str = USER, password: str = PASSWORD, timeout: int = 10
) -> contextlib.closing[Any]:
    """Open a connection with the state of `SESSION`, for a `with` block. Raises the driver's errors."""
    connection: Any = mysql.connector.connect(
        host=host,
        port=port,
        user=user,
        password=password,
        charset=CHARSET,
        collation=COLLATION,
        autocommit=True,
        allow_local_infile=True,
        use_pure=True,
        ssl_disabled=True,
        connection_timeout=timeout,
    )
    try:
        for statement in SESSION:
            connection.cmd_query(statement)
    except mysql.connector.Error:
        connection.close()
        raise
    return contextlib.closing(connection)


def version(port: int) -> str | None:
    """Return the version of a server that accepts the sandbox's user; none if it does not."""
    try:
        with connect(port=port, timeout=5) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT version()")
            return str(cursor.fetchone()[0])
    except mysql.connector.Error:
        return None
