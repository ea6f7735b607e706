{% macro timestamp_precision() -%}
    {{ return(choice_var('timestamp_precision', ['exact', 'milliseconds', 'microseconds'])) }}
{%- endmacro %}
