{% macro build_state_table() %}
    {{ return(api.Relation.create(schema=target.schema, identifier='dbt_build_state')) }}
{% endmacro %}
