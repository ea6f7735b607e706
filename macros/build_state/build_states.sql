{% macro build_states() %}
    {%- set states = {} -%}
    {%- set table = build_state_table() -%}
    {%- if execute and run_query(
        "select 1 from information_schema.tables where table_schema = '" ~ table.schema
        ~ "' and table_name = '" ~ table.identifier ~ "'"
    ).rows -%}
        {%- for row in run_query('select model, built_by, definition, previous, base, tested from ' ~ table).rows -%}
            {%- do states.update({row[0]: {
                'built_by': row[1], 'definition': row[2], 'previous': row[3], 'base': row[4], 'tested': row[5]
            }}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(states) }}
{% endmacro %}
