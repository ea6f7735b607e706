{#-
    Names the values of a source table that are neither blank nor in the domain of their kind (docs/values.md): they would
    become NULL and vanish from the totals. Zero dates, and the word Cancelled for a ship date, are known ways to say that
    there is none. `columns` maps source columns to integer, money, date, timestamp, code or text. As a test of the staging
    model it holds back all that is built from it, unless the var unreadable_values says that such a value is missing.
-#}
{% test source_values_are_readable(model, source_table, columns) %}

{{ config(severity='warn' if unreadable_values() == 'missing' else 'error') }}

{%- set kinds = source_kinds(source_table) -%}

{%- for column, kind in columns.items() %}

select
    '{{ source_table }}' as source_table,
    '{{ column }}' as source_column,
    {{ source_key(source_table) }} as source_key,
    cast(left({{ column }}, 200) as char) as unreadable_value,
    {{ way_out('unreadable_values', 'missing') }} as way_out
from {{ pos_table(source_table) }}
where
    {{ read_as(kind, column, kinds) }} is null
    and {{ clean_text(column) }} is not null
    and not {{ is_zero_date(column) }}
    {%- if column == 'dateShipped' %}
    and {{ clean_text(column) }} not in ('Cancelled', 'Canceled')
    {%- endif %}
{{ 'union all' if not loop.last }}
{%- endfor %}

{% endtest %}
