{% macro choice_var(name, choices) -%}
    {%- if execute and var(name, choices[0]) not in choices -%}
        {{ exceptions.raise_compiler_error(
            "the var " ~ name ~ " is '" ~ var(name) ~ "'; use " ~ choices | join(' or ')
        ) }}
    {%- endif -%}
    {{ return(var(name, choices[0])) }}
{%- endmacro %}
