{% macro missing_dates() -%}
    {%- set days = var('missing_dates', []) -%}
    {%- if execute and (days is string or days is not iterable) -%}
        {{ exceptions.raise_compiler_error("the var missing_dates is " ~ days ~ "; use a list such as ['9999-12-31']") }}
    {%- endif -%}
    {%- for day in days -%}
        '{{ checked_day('missing_dates', day) }}'
        {{- ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
