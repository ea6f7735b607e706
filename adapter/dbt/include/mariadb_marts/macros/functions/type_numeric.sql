{% macro mariadb_marts__type_numeric() -%}
    decimal(28, 6)
{%- endmacro %}
