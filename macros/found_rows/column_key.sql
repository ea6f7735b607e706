{% macro column_key(name) %}
    {{ return(name | lower | replace('_', '') | replace('`', '')) }}
{% endmacro %}
