{% macro mariadb_marts__snapshot_string_as_time(timestamp) -%}
    {{ return("str_to_date('" ~ timestamp ~ "', '%Y-%m-%d %H:%i:%s.%f')") }}
{%- endmacro %}
