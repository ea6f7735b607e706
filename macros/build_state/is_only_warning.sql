{% macro is_only_warning(test) %}
    {{ return(test.config.severity | lower == 'warn') }}
{% endmacro %}
