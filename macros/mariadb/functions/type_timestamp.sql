{% macro mariadb__type_timestamp() -%}
    datetime(6)
{%- endmacro %}
