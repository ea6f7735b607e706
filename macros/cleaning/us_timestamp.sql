{#- Text of the form month/day/year with a time as datetime(6); NULL for 2/30, which str_to_date alone takes. -#}
{% macro us_timestamp(value, time_format) -%}
    cast(date_format(str_to_date({{ value }}, '%m/%d/%Y {{ time_format }}'), '%Y-%m-%d %H:%i:%s') as datetime(6))
{%- endmacro %}
