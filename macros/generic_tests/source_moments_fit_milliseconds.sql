{% test source_moments_fit_milliseconds(model, source_table, columns) %}

{{ config(severity='error' if timestamp_precision() == 'exact' else 'warn') }}

{%- set kinds = source_kinds(source_table) -%}

{%- for column in columns %}
{%- set moment = read_timestamp(column, kinds) %}

select
    '{{ source_table }}' as source_table,
    '{{ column }}' as source_column,
    {{ source_key(source_table) }} as source_key,
    {{ moment }} as source_moment,
    {{ way_out('timestamp_precision', 'milliseconds') }} as way_out
from {{ pos_table(source_table) }}
where microsecond({{ moment }}) % 1000 <> 0 and {{ plausible_moment(moment, 'orders_from') }} is not null
{{ 'union all' if not loop.last }}
{%- endfor %}

{% endtest %}
