{% macro session_settings() %}
    {{ return([
        'set session transaction isolation level read committed, read write',
        "set names utf8mb4 collate utf8mb4_unicode_ci, "
        ~ "session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
        ~ "NO_ENGINE_SUBSTITUTION', "
        ~ "session time_zone = '+00:00', session old_mode = '', session lc_time_names = 'en_US', "
        ~ "session lc_messages = 'en_US', "
        ~ "session completion_type = 'NO_CHAIN', session sql_auto_is_null = 0, session sql_safe_updates = 0, "
        ~ "session sql_big_selects = 1, session sql_select_limit = 18446744073709551615, "
        ~ "session group_concat_max_len = 1048576, session div_precision_increment = 4, "
        ~ "session default_week_format = 0, session max_sort_length = 1024, "
        ~ "session max_recursive_iterations = 4294967295, session system_versioning_asof = default, "
        ~ "session default_storage_engine = 'InnoDB', session innodb_strict_mode = 1, "
        ~ "session check_constraint_checks = 1, session unique_checks = 1, "
        ~ "session max_statement_time = 0, session lock_wait_timeout = 600, session wait_timeout = 28800, "
        ~ "session idle_transaction_timeout = 0, session idle_write_transaction_timeout = 0, "
        ~ "session idle_readonly_transaction_timeout = 0, session net_write_timeout = 600 "
        ~ "/*M!100804 , session explicit_defaults_for_timestamp = 1 */"
        ~ "/*M!110202 , session character_set_collations = 'utf8mb4=utf8mb4_general_ci' */",
    ]) }}
{% endmacro %}
