{% macro mariadb__concat(fields) -%}
    concat({{ fields | join(', ') }})
{%- endmacro %}
