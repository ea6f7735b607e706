{% macro mariadb__type_string() -%}
    char
{%- endmacro %}
