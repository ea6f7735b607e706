{#-
    A moment, or NULL where its day stands for "no date": before the day of the var `first_day_var`, or among
    missing_dates. The test source_dates_are_plausible shows what is left out.
-#}
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
