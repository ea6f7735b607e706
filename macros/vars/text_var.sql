{% macro text_var(name, default) -%}
    '{{ (var(name, default) ~ '') | replace('\\', '\\\\') | replace("'", "''") }}'
{%- endmacro %}
