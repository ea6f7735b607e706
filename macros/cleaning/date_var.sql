{#- The value of a var as text, which has to be a day such as 2024-01-31. -#}
{% macro date_var(name) -%}
    {{ return(checked_day(name, var(name))) }}
{%- endmacro %}

{#- A day as text, or a compiler error that names the var it is of. YAML turns a day without quotes into a date. -#}
{% macro checked_day(name, day) -%}
    {%- if execute and not modules.re.match('^[0-9]{4}-[0-9]{2}-[0-9]{2}$', day | string) -%}
        {{ exceptions.raise_compiler_error(
            "the var " ~ name ~ " has " ~ day ~ ", which is no day; write it as 2024-01-31"
        ) }}
    {%- endif -%}
    {{ return(day | string) }}
{%- endmacro %}
