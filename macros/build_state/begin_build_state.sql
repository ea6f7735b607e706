{% macro begin_build_state() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {%- do create_build_state_table() -%}
        {%- do run_query('update ' ~ build_state_table() ~ ' set previous = built_by, base = null') -%}
        {%- do run_query('commit') -%}
    {%- endif -%}
{% endmacro %}
