"""The state that every MariaDB session starts with, for each driver and whatever the server's defaults are.

mysql.connector runs `statements` right after it connects. connectorx runs them as `pre_execution_query` on
the connection that reads, but prepares its query before them. So that query must mean the same in every SQL
mode: names are in backticks, texts are hexadecimal. adapter/ sets the same state for dbt.
"""

from __future__ import annotations

_SETTINGS = {
    "sql_mode": "'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION'",
    "time_zone": "'+00:00'",  # MariaDB shows a TIMESTAMP in the session's zone
    "autocommit": "1",
    "old_mode": "''",
    "lc_messages": "'en_US'",
    "lc_time_names": "'en_US'",
    "completion_type": "'NO_CHAIN'",
    "sql_auto_is_null": "0",
    "sql_safe_updates": "0",
    "sql_big_selects": "1",
    "sql_select_limit": "18446744073709551615",
    "group_concat_max_len": "1048576",
    "div_precision_increment": "4",
    "max_sort_length": "1024",
    "system_versioning_asof": "default",
    "default_storage_engine": "'InnoDB'",
    "max_statement_time": "0",
    "wait_timeout": "28800",
    "net_write_timeout": "600",
    "idle_transaction_timeout": "0",
    "idle_write_transaction_timeout": "0",
    "idle_readonly_transaction_timeout": "0",
}


def statements(lock_wait: float) -> tuple[str, ...]:
    """Give committed rows only, UTC, utf8mb4, strict mode and no limit on rows. None needs a privilege.

    `lock_wait` is how many seconds a statement waits for a lock. MariaDB's default is a day.
    """
    locks = dict.fromkeys(("lock_wait_timeout", "innodb_lock_wait_timeout"), str(max(1, round(lock_wait))))
    return (
        "set session transaction isolation level read committed, read write",
        "set names utf8mb4 collate utf8mb4_unicode_ci, "
        + ", ".join(f"session {name} = {value}" for name, value in {**_SETTINGS, **locks}.items())
        + "/*M!110202 , session character_set_collations = 'utf8mb4=utf8mb4_general_ci' */",
    )
