{#- The number of a var of dbt_project.yml, if it lies between `minimum` and `maximum`, both included. -#}
{% macro number_var(name, minimum, maximum) -%}
    {%- set value = var(name) -%}
    {%- if execute and (value is not number or value is boolean or not minimum <= value <= maximum) -%}
        {{ exceptions.raise_compiler_error(
            "the var " ~ name ~ " is '" ~ value ~ "'; give a number from " ~ minimum ~ " to " ~ maximum
        ) }}
    {%- endif -%}
    {{ value }}
{%- endmacro %}
