{% macro clean_timestamp(moment, first_day_var) -%}
    {%- if timestamp_precision() == 'milliseconds' -%}
        cast(cast({{ plausible_moment(moment, first_day_var) }} as datetime(3)) as datetime(6))
    {%- else -%}
        {{ plausible_moment(moment, first_day_var) }}
    {%- endif -%}
{%- endmacro %}
