{#- A month that extract(year_month) gave, such as 202401, as 2024-01; grouping by the number is several times faster. -#}
{% macro month_text(year_month) -%}
    insert(lpad({{ year_month }}, 6, '0'), 5, 0, '-') collate utf8mb4_bin
{%- endmacro %}
