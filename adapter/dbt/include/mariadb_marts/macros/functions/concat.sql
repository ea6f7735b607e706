{% macro mariadb_marts__concat(fields) -%}
    concat({{ fields | join(', ') }})
{%- endmacro %}
