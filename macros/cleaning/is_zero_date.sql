{% macro is_zero_date(column) -%}
    {{ column }} regexp '^[[:space:]]*(0000-0?0-0?0|0?0/0?0/0000)([ T][0:.]*)?[[:space:]]*$'
{%- endmacro %}
