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
