{% macro snapshot_moment(mode, faults) %}
    {%- set schema = var('pos_schema') -%}
    {%- set is_landing = run_query(
        "select 1 from information_schema.tables where table_schema = '" ~ schema
        ~ "' and table_name = 'pos_loader_moment' and table_comment = 'made by pos-loader pull'"
    ).rows | length > 0 -%}
    {%- if is_landing and mode == 'still' -%}
        {%- do faults.append(
            "the schema " ~ schema ~ " was made by pos-loader pull, but the var pos_mode is 'still'; set pos_mode: "
            ~ "snapshot"
        ) -%}
    {%- elif not is_landing and mode == 'snapshot' -%}
        {%- do faults.append(
            "the var pos_mode is 'snapshot', but no pos-loader pull has filled the schema " ~ schema
            ~ "; run pos-loader pull --into " ~ schema
        ) -%}
    {%- elif mode == 'snapshot' -%}
        {%- set lock = 'pos_loader.pull.' ~ local_md5(schema | lower)[:16] -%}
        {%- if run_query("select is_used_lock('" ~ lock ~ "')").rows[0][0] is not none -%}
            {%- do faults.append("pos-loader pull fills the schema " ~ schema ~ " now; build when it has ended") -%}
        {%- endif -%}
        {%- set row = run_query(
            "select gtid, cast(taken_at as char) from " ~ adapter.quote(schema) ~ ".pos_loader_moment"
        ).rows[0] -%}
        {{ return({'mode': mode, 'gtid': row[0] or '', 'at': row[1]}) }}
    {%- endif -%}
    {{ return({}) }}
{% endmacro %}
