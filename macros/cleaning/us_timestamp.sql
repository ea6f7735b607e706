{% macro us_timestamp(value, time_format) -%}
    cast(str_to_date({{ value }}, '%m/%d/%Y {{ time_format }}') as datetime(6))
{%- endmacro %}
