{% macro built_mart(name) %}
    {{ return(api.Relation.create(schema=target.schema, identifier=name)) }}
{% endmacro %}
