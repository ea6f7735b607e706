{% test source_dates_are_plausible(model, source_table, columns) %}

{{ config(severity='warn') }}

{%- set kinds = source_kinds(source_table) -%}

{%- for column in columns %}
{%- set moment = read_timestamp(column, kinds) -%}
{%- set first_day = 'birthdates_from' if column == 'birthdate' else 'orders_from' %}

select
    '{{ source_table }}' as source_table,
    '{{ column }}' as source_column,
    min({{ clean_integer('id', kinds) }}) as source_key,
    cast({{ moment }} as date) as source_date,
    count(*) as count_rows,
    'missing by the vars {{ first_day }}, missing_dates' as way_out
from {{ pos_table(source_table) }}
where {{ moment }} is not null and {{ plausible_moment(moment, first_day) }} is null
group by cast({{ moment }} as date)
{{ 'union all' if not loop.last }}
{%- endfor %}

{% endtest %}
