{#-
    Text in utf8mb4 without surrounding white space; tabs and line breaks count as spaces. Blank becomes NULL, and so does a
    word that the var missing_words declares.
-#}
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
