{% macro clean_text(column) -%}
    {%- set words = missing_words() -%}
    {%- set text -%}
        trim(replace(replace(replace(
            convert({{ column }} using utf8mb4), char(9), ' '), char(10), ' '), char(13), ' '
        ))
    {%- endset -%}
    {%- if words -%}
        case when {{ text }} not in ('', {{ words }}) then {{ text }} end
    {%- else -%}
        nullif({{ text }}, '')
    {%- endif -%}
{%- endmacro %}
