{% macro mariadb_marts__any_value(expression) -%}
    min({{ expression }})
{%- endmacro %}
