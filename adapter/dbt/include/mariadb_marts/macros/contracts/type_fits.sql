{% macro type_fits(found, wanted) %}
    {%- set found_kind, found_digits = type_parts(found) -%}
    {%- set wanted_kind, wanted_digits = type_parts(wanted) -%}
    {{ return(found_kind == wanted_kind and found_digits <= wanted_digits) }}
{% endmacro %}
