{% macro read_timestamp(column, kinds) -%}
    {%- set kind = kinds.get(column) -%}
    {%- set value = clean_text(column) -%}
    {%- set minute = '[0-5][0-9]' -%}
    {%- set hour = '([01]?[0-9]|2[0-3]):' ~ minute -%}
    {%- set half_day_hour = '(0?[1-9]|1[0-2]):' ~ minute -%}
    {%- set us_day = calendar_day(is_us=true) -%}
    {%- if kind == 'timestamp' -%}
        timestampadd(microsecond, nullif(unix_timestamp({{ column }}), 0) * 1000000, cast('1970-01-01' as datetime(6)))
    {%- elif kind in ['date', 'datetime'] -%}
        case
            when dayofmonth({{ column }}) between 1 and dayofmonth(last_day({{ column }}))
                then cast({{ column }} as datetime(6))
        end
    {%- else -%}
        case
            when {{ is_zero_date(column) }} then null
            when {{ value }} regexp '^{{ calendar_day() }}([ T]{{ hour }}(:{{ minute }}([.][0-9]{1,6})?)?Z?)?$'
                then cast(replace(replace({{ value }}, 'T', ' '), 'Z', '') as datetime(6))
            when {{ value }} regexp '^{{ us_day }}( {{ hour }}(:{{ minute }})?)?$'
                then {{ us_timestamp(value, '%H:%i:%s') }}
            when {{ value }} regexp '^{{ us_day }} {{ half_day_hour }} ?[AP]M$'
                then {{ us_timestamp(value, '%h:%i %p') }}
            when {{ value }} regexp '^{{ us_day }} {{ half_day_hour }}:{{ minute }} ?[AP]M$'
                then {{ us_timestamp(value, '%h:%i:%s %p') }}
        end
    {%- endif -%}
{%- endmacro %}
