{% macro after_swap() %}
    {{ return(adapter.dispatch('after_swap')()) }}
{% endmacro %}

{% macro default__after_swap() %}
{% endmacro %}
