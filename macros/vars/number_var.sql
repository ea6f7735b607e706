{% macro number_var(name, minimum, maximum, default=none) -%}
    {%- set value = var(name, default) -%}
    {%- if execute and (value is not number or value is boolean or not minimum <= value <= maximum) -%}
        {{ exceptions.raise_compiler_error(
            "the var " ~ name ~ " is '" ~ value ~ "'; give a number from " ~ minimum ~ " to " ~ maximum
        ) }}
    {%- endif -%}
    {{ value }}
{%- endmacro %}
