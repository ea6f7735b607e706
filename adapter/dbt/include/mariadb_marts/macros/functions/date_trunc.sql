{% macro mariadb_marts__date_trunc(datepart, date) -%}
    {%- set formats = {
        'second': '%Y-%m-%d %H:%i:%s',
        'minute': '%Y-%m-%d %H:%i:00',
        'hour': '%Y-%m-%d %H:00:00',
        'day': '%Y-%m-%d',
        'month': '%Y-%m-01',
        'year': '%Y-01-01',
    } -%}
    {%- if datepart == 'week' -%}
        cast(date_sub(date({{ date }}), interval weekday({{ date }}) day) as datetime)
    {%- elif datepart == 'quarter' -%}
        cast(timestampadd(quarter, quarter({{ date }}) - 1, date_format({{ date }}, '%Y-01-01')) as datetime)
    {%- elif datepart in formats -%}
        cast(date_format({{ date }}, '{{ formats[datepart] }}') as datetime)
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "date_trunc: no datepart '" ~ datepart ~ "'; use week, quarter or one of " ~ formats | join(', ')
        ) }}
    {%- endif -%}
{%- endmacro %}
