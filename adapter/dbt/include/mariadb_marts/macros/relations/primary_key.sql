{% macro primary_key() %}
    {%- set key = config.get('primary_key') -%}
    {{ return(['primary key (' ~ key_columns(key) ~ ')'] if key else []) }}
{% endmacro %}
