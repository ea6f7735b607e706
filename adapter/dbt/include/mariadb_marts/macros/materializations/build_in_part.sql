{% macro build_in_part(target_relation, new) %}
    {{ return(adapter.dispatch('build_in_part')(target_relation, new)) }}
{% endmacro %}

{% macro default__build_in_part(target_relation, new) %}
    {{ exceptions.raise_compiler_error('a project that overrides is_built_in_part overrides build_in_part too') }}
{% endmacro %}
