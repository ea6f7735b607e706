{#- Whether a text column holds a zero date, such as 0000-00-00 or 0/0/0000 00:00:00. -#}
{% macro is_zero_date(column) -%}
    {{ column }} regexp '^[[:space:]]*(0000-0?0-0?0|0?0/0?0/0000)([ T][0:.]*)?[[:space:]]*$'
{%- endmacro %}
