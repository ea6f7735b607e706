{#- A calendar date, from what clean_timestamp takes. -#}
{% macro clean_date(column, kinds) -%}
    cast({{ clean_timestamp(column, kinds) }} as date)
{%- endmacro %}
