{% macro clean_integer(column, kinds) -%}
    {%- set kind = kinds.get(column) -%}
    {%- set digits -%} regexp_substr(replace({{ column }}, ',', ''), '[-+]?[0-9]+') {%- endset -%}
    {%- set tail = '([.]0*)?[[:space:]]*$' -%}
    {%- if kind == 'integer' -%}
        {{ column }}
    {%- elif kind == 'unsigned' -%}
        case when {{ column }} <= 9223372036854775807 then cast({{ column }} as signed) end
    {%- else -%}
        case
            when {{ column }} regexp '^[[:space:]]*[-+]?([0-9]{1,3}(,[0-9]{3}){1,5}|[0-9]{1,18}){{ tail }}'
                then cast({{ digits }} as signed)
            when {{ column }} regexp '^[[:space:]]*[-+]?([0-9]{1,3}(,[0-9]{3}){6}|0{0,40}[0-9]{1,19}){{ tail }}'
                then
                    case
                        when cast({{ digits }} as decimal(60, 0)) between -9223372036854775808 and 9223372036854775807
                            then cast({{ digits }} as signed)
                    end
        end
    {%- endif -%}
{%- endmacro %}
