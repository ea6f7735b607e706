{#-
    Names the values of a source table that are neither blank nor readable as their kind: they would become NULL and
    vanish from the totals. Zero dates, and the word Cancelled for a ship date, are known ways to say that there is
    none. `columns` maps source columns to integer, money, date, timestamp or code. As a test of the staging model it
    holds back all that is built from it.
-#}
{% test source_values_are_readable(model, source_table, columns) %}

{%- set kinds = source_kinds(source_table) -%}

{%- for column, kind in columns.items() %}

select
    '{{ source_table }}' as source_table,
    '{{ column }}' as source_column,
    cast({{ column }} as char) as unreadable_value
from {{ pos_table(source_table) }}
where
    {{ clean(kind, column, kinds) }} is null
    and {{ clean_text(column) }} is not null
    and not {{ is_zero_date(column) }}
    {%- if column == 'dateShipped' %}
    and {{ clean_text(column) }} not in ('Cancelled', 'Canceled')
    {%- endif %}
{{ 'union all' if not loop.last }}
{%- endfor %}

{% endtest %}
