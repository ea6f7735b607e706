{% macro read_as(kind, column, kinds) -%}
    {%- if kind == 'integer' -%}
        {{ clean_integer(column, kinds) }}
    {%- elif kind == 'money' -%}
        {{ clean_money(column, kinds) }}
    {%- elif kind in ['date', 'timestamp'] -%}
        {{ read_timestamp(column, kinds) }}
    {%- elif kind == 'code' -%}
        {{ clean_code(column, kinds) }}
    {%- elif kind == 'text' -%}
        {{ pos_text(column) }}
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "read_as: no kind '" ~ kind ~ "' (column " ~ column ~ "); use integer, money, date, timestamp, code or text"
        ) }}
    {%- endif -%}
{%- endmacro %}
