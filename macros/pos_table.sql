{#- The relation of a POS table: the sample seed, or the real table when the var pos_schema names its schema. -#}
{% macro pos_table(name) %}
    {%- if var('pos_schema') -%}
        {{ return(source('pos', name)) }}
    {%- else -%}
        {{ return(ref('pos_' ~ name)) }}
    {%- endif -%}
{% endmacro %}
