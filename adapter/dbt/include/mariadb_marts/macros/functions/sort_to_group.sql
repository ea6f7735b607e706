{% macro sort_to_group() -%}
    sql_big_result
{%- endmacro %}
