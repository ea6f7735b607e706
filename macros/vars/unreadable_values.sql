{% macro unreadable_values() -%}
    {{ return(choice_var('unreadable_values', ['error', 'missing'])) }}
{%- endmacro %}
