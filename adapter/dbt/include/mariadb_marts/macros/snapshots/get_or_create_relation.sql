{% macro mariadb_marts__get_or_create_relation(database, schema, identifier, type) %}
    {%- set wanted = api.Relation.create(schema=schema, identifier=identifier, type=type) -%}
    {%- set found = find_table(wanted, []) -%}
    {%- if found == 'VIEW' -%}
        {{ return([true, wanted.incorporate(type='view')]) }}
    {%- endif -%}
    {{ return([found is not none, wanted]) }}
{% endmacro %}
