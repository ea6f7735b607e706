{#-
    An exact amount of up to 15 digits and four decimals, with one sign at most: 42.99, $1,023.99, $800, -$5, $-5. Anything
    else is NULL here and named by the test source_values_are_readable.
-#}
{% macro clean_money(column, kinds) -%}
    {%- set kind = kinds.get(column) -%}
    {%- if kind in ['decimal', 'integer', 'unsigned'] -%}
        case when abs({{ column }}) < 1000000000000000 then cast({{ column }} as decimal(19, 4)) end
    {%- else -%}
        case
            when
                {{ column }} regexp '[0-9]'
                and {{ column }}
                regexp '^[[:space:]]*([-+]?[[:space:]]*[$]?|[$][[:space:]]*[-+])[[:space:]]*([0-9]{1,3}(,[0-9]{3}){1,4}|0{0,40}[0-9]{0,15})([.][0-9]{0,4}0*)?[[:space:]]*$'
                then cast(regexp_replace({{ column }}, '[$,[:space:]]', '') as decimal(19, 4))
        end
    {%- endif -%}
{%- endmacro %}
