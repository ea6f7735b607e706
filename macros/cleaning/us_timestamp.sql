{#- Text of the form month/day/year with a time as datetime(6); its day is one of the calendar. -#}
{% macro us_timestamp(value, time_format) -%}
    cast(str_to_date({{ value }}, '%m/%d/%Y {{ time_format }}') as datetime(6))
{%- endmacro %}
