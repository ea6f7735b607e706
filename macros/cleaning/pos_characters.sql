{% macro pos_characters(column) %}
    {%- set shorter = {'zip': 64, 'city': 256, 'state': 128, 'phone': 128} -%}
    {{ return(shorter.get(column, 512)) }}
{% endmacro %}
