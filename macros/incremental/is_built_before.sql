{% macro is_built_before() %}
    {%- if not execute -%}
        {{ return('') }}
    {%- else -%}
    {%- set state = build_states().get(this.identifier, {}) -%}
    {%- set existing = load_cached_relation(this) if state -%}
    {{ return(
        existing is not none and existing and existing.is_table and not (flags.FULL_REFRESH or flags.EMPTY)
        and state.definition == build_definition()
    ) }}
    {%- endif -%}
{% endmacro %}
