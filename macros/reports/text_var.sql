{#- The text of a var as an SQL literal; `default` where the var is not given. -#}
{% macro text_var(name, default) -%}
    '{{ (var(name, default) ~ '') | replace('\\', '\\\\') | replace("'", "''") }}'
{%- endmacro %}
