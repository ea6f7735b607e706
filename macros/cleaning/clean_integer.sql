{#- A whole number: 12, 1,234, 12.0. Anything else is NULL here and named by the test source_values_are_readable. -#}
{% macro clean_integer(column, kinds) -%}
    {%- if kinds.get(column) == 'integer' -%}
        {{ column }}
    {%- else -%}
        case
            when
                {{ column }} regexp '^[[:space:]]*[-+]?([0-9]{1,3}(,[0-9]{3}){1,5}|[0-9]{1,18})([.]0*)?[[:space:]]*$'
                then cast(regexp_substr(replace({{ column }}, ',', ''), '[-+]?[0-9]+') as signed)
        end
    {%- endif -%}
{%- endmacro %}
