{% macro missing_words() -%}
    {%- set words = var('missing_words', []) -%}
    {%- if execute and (words is string or words is not iterable) -%}
        {{ exceptions.raise_compiler_error("the var missing_words is " ~ words ~ "; use a list such as ['N/A', 'NULL']") }}
    {%- endif -%}
    {%- for word in words -%}
        '{{ ('NULL' if word is none else word | string) | replace('\\', '\\\\') | replace("'", "''") }}'
        {{- ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
