{% macro is_partial(name=none) %}
    {%- if not execute -%}
        {{ return('') }}
    {%- else -%}
    {%- set states = build_states() -%}
    {%- set changes = states.get('int_orders_changed', {}) -%}
    {%- set table = built_mart(name or this.identifier) -%}
    {%- set state = states.get(table.identifier, {}) -%}
    {{ return(
        not flags.FULL_REFRESH and changes.get('built_by') == invocation_id
        and changes.get('base') is not none and changes.get('base') == state.get('previous')
        and state.get('definition') == build_definition() and load_cached_relation(table) is not none
    ) }}
    {%- endif -%}
{% endmacro %}
