{% macro mariadb__current_timestamp() -%}
    utc_timestamp(6)
{%- endmacro %}
