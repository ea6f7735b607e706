"""A MariaDB whose defaults differ from ours in whatever a session can set."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pos_sandbox import mariadb
from pos_sandbox.process import Deadline, start, stop, wait_for

FLAGS = (
    "--character-set-server=latin1",
    "--collation-server=latin1_german2_ci",
    "--default-time-zone=SYSTEM",  # the zone of TZ below, with summer time
    "--lower-case-table-names=1",
    "--sql-mode=ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,IGNORE_SPACE,PAD_CHAR_TO_FULL_LENGTH,"
    "ONLY_FULL_GROUP_BY,HIGH_NOT_PRECEDENCE,NO_AUTO_VALUE_ON_ZERO",
    "--transaction-isolation=SERIALIZABLE",
    "--default-storage-engine=Aria",
    "--explicit-defaults-for-timestamp=OFF",
    "--innodb-buffer-pool-size=128M",
    "--general-log",
    "--log-output=TABLE",
)
GLOBALS = {
    "autocommit": "0",
    "character_set_client": "latin1",
    "check_constraint_checks": "0",
    "default_week_format": "3",
    "div_precision_increment": "0",
    "group_concat_max_len": "4",
    "idle_transaction_timeout": "5",
    "innodb_strict_mode": "0",
    "lc_time_names": "'de_DE'",
    "lock_wait_timeout": "1",
    "max_error_count": "0",
    "max_join_size": "100",
    "max_recursive_iterations": "3",
    "max_sort_length": "64",
    "max_statement_time": "1",
    "old_mode": "'ZERO_DATE_TIME_CAST,NO_PROGRESS_INFO'",
    "sql_auto_is_null": "1",
    "sql_big_selects": "0",
    "sql_safe_updates": "1",
    "sql_select_limit": "7",
    "system_versioning_asof": "'2001-01-01 00:00:00'",
    "tx_read_only": "1",
    "unique_checks": "0",
    "wait_timeout": "20",
}
"""Defaults of all sessions; a build, a load or an import that expects another fails or differs."""


@contextmanager
def odd_server(root: Path, port: int) -> Iterator[None]:
    """Run the server in `root` on `port` for the block, and remove it afterwards."""
    root.mkdir(parents=True)
    command = mariadb.prepare(root)
    script = root / "mariadb-init.sql"
    changes = [f"SET GLOBAL {name} = {value};\n" for name, value in GLOBALS.items()]
    script.write_text(script.read_text() + "".join(changes))
    ordinary = mariadb.server(root, port)
    server = replace(ordinary, flags=(*ordinary.flags, *FLAGS))
    process = start(server, ("/usr/bin/env", "TZ=Europe/Berlin", *command))
    try:
        wait_for(server, process, lambda: mariadb.version(port), deadline=Deadline(60))
        yield
    finally:
        stop([process], grace=30)
        shutil.rmtree(root)
