{% macro pos_table(name) %}
    {%- if var('pos_schema') -%}
        {{ return(source('pos', name)) }}
    {%- else -%}
        {{ return(ref('pos_' ~ name)) }}
    {%- endif -%}
{% endmacro %}
