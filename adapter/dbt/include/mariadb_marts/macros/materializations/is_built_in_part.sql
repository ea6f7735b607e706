{% macro is_built_in_part() %}
    {{ return(adapter.dispatch('is_built_in_part')()) }}
{% endmacro %}

{% macro default__is_built_in_part() %}
    {{ return(false) }}
{% endmacro %}
