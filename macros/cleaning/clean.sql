{#- The cleaning of a kind of column by the kind's name. -#}
{% macro clean(kind, column, kinds) -%}
    {%- if kind == 'integer' -%}
        {{ clean_integer(column, kinds) }}
    {%- elif kind == 'money' -%}
        {{ clean_money(column, kinds) }}
    {%- elif kind == 'date' -%}
        {{ clean_date(column, kinds) }}
    {%- elif kind == 'timestamp' -%}
        {{ clean_timestamp(column, kinds) }}
    {%- elif kind == 'code' -%}
        {{ clean_code(column, kinds) }}
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "clean: no kind '" ~ kind ~ "' (column " ~ column ~ "); use integer, money, date, timestamp or code"
        ) }}
    {%- endif -%}
{%- endmacro %}
