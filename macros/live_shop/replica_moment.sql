{% macro replica_moment(faults) %}
    {%- set now = run_query("select @@global.gtid_slave_pos").rows[0][0] or '' -%}
    {%- set is_known = run_query(
        "select 1 from information_schema.tables where table_schema = 'pos_loader' and table_name = 'replica_pause'"
    ).rows -%}
    {%- set held = run_query(
        "select owner, gtid, cast(stopped_at as char), state = 'paused' and expires_at > utc_timestamp(6) "
        ~ "from pos_loader.replica_pause"
    ).rows if is_known else [] -%}
    {%- set fix = "; run pos-loader pause, dbt build, pos-loader resume" -%}
    {%- if not held or not held[0][3] -%}
        {%- do faults.append("the var pos_mode is 'replica', but the replica is not paused" ~ fix) -%}
    {%- elif run_query("show global status like 'Slaves_running'").rows[0][1] | int > 0 -%}
        {%- do faults.append("the replica is paused by " ~ held[0][0] ~ ", but its SQL thread runs" ~ fix) -%}
    {%- elif held[0][1] != now -%}
        {%- do faults.append(
            "the replica was paused at GTID " ~ held[0][1] ~ " by " ~ held[0][0] ~ ", but is at " ~ now ~ fix
        ) -%}
    {%- endif -%}
    {{ return({'mode': 'replica', 'gtid': now, 'at': held[0][2] if held else none}) }}
{% endmacro %}
