{% macro mariadb_marts__type_timestamp() -%}
    datetime(6)
{%- endmacro %}
