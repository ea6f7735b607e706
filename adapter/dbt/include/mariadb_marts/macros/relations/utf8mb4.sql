{% macro utf8mb4() -%}
    default character set utf8mb4 collate utf8mb4_unicode_ci
{%- endmacro %}
