{% macro mariadb_marts__type_string() -%}
    char
{%- endmacro %}
