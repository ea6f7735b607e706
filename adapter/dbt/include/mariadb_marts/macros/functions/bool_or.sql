{% macro mariadb_marts__bool_or(expression) -%}
    max({{ expression }})
{%- endmacro %}
