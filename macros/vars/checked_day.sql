{% macro checked_day(name, day) -%}
    {%- if execute and not modules.re.match('^[0-9]{4}-[0-9]{2}-[0-9]{2}$', day | string) -%}
        {{ exceptions.raise_compiler_error(
            "the var " ~ name ~ " has " ~ day ~ ", which is no day; write it as 2024-01-31"
        ) }}
    {%- endif -%}
    {{ return(day | string) }}
{%- endmacro %}
