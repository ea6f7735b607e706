{#- The value of a var, which has to be one of the choices. -#}
{% macro choice_var(name, choices) -%}
    {%- if execute and var(name, choices[0]) not in choices -%}
        {{ exceptions.raise_compiler_error(
            "the var " ~ name ~ " is '" ~ var(name) ~ "'; use " ~ choices | join(' or ')
        ) }}
    {%- endif -%}
    {{ return(var(name, choices[0])) }}
{%- endmacro %}

{% macro timestamp_precision() -%}
    {{ return(choice_var('timestamp_precision', ['exact', 'milliseconds', 'microseconds'])) }}
{%- endmacro %}

{% macro unreadable_values() -%}
    {{ return(choice_var('unreadable_values', ['error', 'missing'])) }}
{%- endmacro %}
