{#-
    A value of the source as text, uncleaned: a text as it is, a decimal to the cent, a moment as its day.
    `kinds` is what source_kinds found.
-#}
{% macro source_text(column, kinds) %}
    {%- set kind = kinds.get(column, 'text') -%}
    {%- if kind == 'decimal' -%}
        cast(round({{ column }}, 2) as char)
    {%- elif kind in ['date', 'datetime', 'timestamp'] -%}
        date_format({{ column }}, '%Y-%m-%d')
    {%- elif kind == 'integer' -%}
        cast({{ column }} as char)
    {%- else -%}
        convert({{ column }} using utf8mb4)
    {%- endif -%}
{% endmacro %}
