{#- An exact amount with up to four decimals: 42.99, $1,023.99, $800. Anything else is NULL here and named by the test source_values_are_readable. -#}
{% macro clean_money(column, kinds) -%}
    {%- if kinds.get(column) == 'decimal' -%}
        cast({{ column }} as decimal(19, 4))
    {%- else -%}
        case
            when
                {{ column }} regexp '[0-9]'
                and {{ column }}
                regexp '^[[:space:]]*[-+]?[[:space:]]*[$]?[[:space:]]*[-+]?([0-9]{1,3}(,[0-9]{3}){1,4}|[0-9]{0,15})([.][0-9]{0,4}0*)?[[:space:]]*$'
                then cast(regexp_replace({{ column }}, '[$,[:space:]]', '') as decimal(19, 4))
        end
    {%- endif -%}
{%- endmacro %}
