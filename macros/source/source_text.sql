{% macro source_text(value, kind) %}
    {%- if kind == 'decimal' -%}
        cast(round({{ value }}, 2) as char)
    {%- elif kind in ['date', 'datetime', 'timestamp'] -%}
        date_format({{ value }}, '%Y-%m-%d')
    {%- elif kind in ['integer', 'unsigned'] -%}
        cast({{ value }} as char)
    {%- else -%}
        convert({{ value }} using utf8mb4)
    {%- endif -%}
{% endmacro %}
