{#- Text without surrounding white space; blank becomes NULL. -#}
{% macro clean_text(column) -%}
    nullif(regexp_replace(convert({{ column }} using utf8mb4), '^[[:space:]]+|[[:space:]]+$', ''), '')
{%- endmacro %}
