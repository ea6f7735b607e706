{% macro date_var(name) -%}
    {{ return(checked_day(name, var(name))) }}
{%- endmacro %}
