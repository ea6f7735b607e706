{#- Text in utf8mb4 without surrounding white space; tabs and line breaks count as spaces, blank becomes NULL. -#}
{% macro clean_text(column) -%}
    nullif(trim(replace(replace(replace(
        convert({{ column }} using utf8mb4), char(9), ' '), char(10), ' '), char(13), ' '
    )), '')
{%- endmacro %}
