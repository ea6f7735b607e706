{#-
    A moment that read_timestamp has read, if it counts as one (plausible_moment). With the var timestamp_precision:
    milliseconds its microseconds are cut off, for the dates of MongoDB have none.
-#}
{% macro clean_timestamp(moment, first_day_var) -%}
    {%- if timestamp_precision() == 'milliseconds' -%}
        cast(cast({{ plausible_moment(moment, first_day_var) }} as datetime(3)) as datetime(6))
    {%- else -%}
        {{ plausible_moment(moment, first_day_var) }}
    {%- endif -%}
{%- endmacro %}
