{% macro plausible_moment(moment, first_day_var) -%}
    {%- set first_day = date_var(first_day_var) -%}
    {%- set days = missing_dates() -%}
    case
        when
            {{ moment }} >= '{{ first_day }}'
            {%- if days %}
            and cast({{ moment }} as date) not in ({{ days }})
            {%- endif %}
            then {{ moment }}
    end
{%- endmacro %}
