{% macro mariadb_marts__current_timestamp() -%}
    utc_timestamp(6)
{%- endmacro %}
