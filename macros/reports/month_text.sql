{% macro month_text(year_month) -%}
    insert(lpad({{ year_month }}, 6, '0'), 5, 0, '-') collate utf8mb4_bin
{%- endmacro %}
