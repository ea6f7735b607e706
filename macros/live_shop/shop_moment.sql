{% macro shop_moment(is_start) %}
    {%- if not (execute and flags.WHICH in ['build', 'run', 'seed', 'snapshot', 'retry', 'clone']) -%}
        {{ return({}) }}
    {%- endif -%}
    {%- set mode = choice_var('pos_mode', ['still', 'snapshot', 'replica']) -%}
    {%- if mode != 'still' and not var('pos_schema') -%}
        {{ exceptions.raise_compiler_error(
            "the var pos_mode is '" ~ mode ~ "', but pos_schema is empty; set it to the schema of the POS tables, or "
            ~ "leave pos_mode out to build the sample"
        ) }}
    {%- endif -%}
    {%- set faults = [] -%}
    {%- set moment = replica_moment(faults) if mode == 'replica' else snapshot_moment(mode, faults) -%}
    {%- if faults and is_start -%}
        {{ exceptions.raise_compiler_error(faults[0]) }}
    {%- endif -%}
    {{ return(moment) }}
{% endmacro %}
