"""The state that every session of dbt begins in, whatever the server's defaults are.

These settings can change a result, or fail a build, on a server with other defaults. A build takes no locks
on the tables that it reads, because it reads committed rows. Waits for locks and idle times are in seconds.
"""

from __future__ import annotations

_SETTINGS = {
    "sql_mode": "'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION'",
    "time_zone": "'+00:00'",
    "old_mode": "''",
    "lc_time_names": "'en_US'",
    "lc_messages": "'en_US'",
    "completion_type": "'NO_CHAIN'",
    "sql_auto_is_null": "0",
    "sql_safe_updates": "0",
    "sql_big_selects": "1",
    "sql_select_limit": "18446744073709551615",
    "group_concat_max_len": "1048576",
    "div_precision_increment": "4",
    "default_week_format": "0",
    "max_sort_length": "1024",
    "max_recursive_iterations": "4294967295",
    "system_versioning_asof": "default",
    "default_storage_engine": "'InnoDB'",
    "innodb_strict_mode": "1",
    "check_constraint_checks": "1",
    "unique_checks": "1",
    "max_statement_time": "0",
    "lock_wait_timeout": "600",
    "wait_timeout": "28800",
    "idle_transaction_timeout": "0",
    "idle_write_transaction_timeout": "0",
    "idle_readonly_transaction_timeout": "0",
    "net_write_timeout": "600",
}

STATEMENTS = (
    "set session transaction isolation level read committed, read write",
    "set names utf8mb4 collate utf8mb4_unicode_ci, "
    + ", ".join(f"session {name} = {value}" for name, value in _SETTINGS.items())
    + "/*M!100804 , session explicit_defaults_for_timestamp = 1 */"
    + "/*M!110202 , session character_set_collations = 'utf8mb4=utf8mb4_general_ci' */",
)
"""No statement needs a privilege. Variables of newer servers are in comments that older ones skip."""

WAIT = "set session wsrep_sync_wait = 15"
"""On a Galera node, every statement waits until the node has applied what the cluster has committed."""
