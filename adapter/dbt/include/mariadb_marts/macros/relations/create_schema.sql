{% macro mariadb_marts__create_schema(relation) -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation.without_identifier() }} {{ utf8mb4() }}
    {%- endcall -%}
{%- endmacro %}
