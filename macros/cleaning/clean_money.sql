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
