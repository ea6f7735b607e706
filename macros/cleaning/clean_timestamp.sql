{#-
    A moment in UTC as datetime(6), from a date, ISO text (2005-01-01, 2005-01-01 16:09:35) or US text
    (1/31/2005, 1/31/2005 16:09, 1/31/2005 4:09 PM). Zero dates are NULL. Anything else is NULL here and named
    by the test source_values_are_readable.
-#}
{% macro clean_timestamp(column, kinds) -%}
    {%- set kind = kinds.get(column) -%}
    {%- set value = clean_text(column) -%}
    {%- set us_day = '[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}' -%}
    {%- if kind == 'timestamp' -%}
        timestampadd(microsecond, unix_timestamp({{ column }}) * 1000000, cast('1970-01-01' as datetime(6)))
    {%- elif kind in ['date', 'datetime'] -%}
        cast(nullif({{ column }}, '0000-00-00') as datetime(6))
    {%- else -%}
        case
            when {{ is_zero_date(column) }} then null
            when {{ value }} regexp '^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?Z?)?$'
                then cast(replace(replace({{ value }}, 'T', ' '), 'Z', '') as datetime(6))
            when {{ value }} regexp '^{{ us_day }}( [0-9]{1,2}:[0-9]{2}(:[0-9]{2})?)?$'
                then {{ us_timestamp(value, '%H:%i:%s') }}
            when {{ value }} regexp '^{{ us_day }} [0-9]{1,2}:[0-9]{2} ?[AP]M$'
                then {{ us_timestamp(value, '%h:%i %p') }}
            when {{ value }} regexp '^{{ us_day }} [0-9]{1,2}:[0-9]{2}:[0-9]{2} ?[AP]M$'
                then {{ us_timestamp(value, '%h:%i:%s %p') }}
        end
    {%- endif -%}
{%- endmacro %}
