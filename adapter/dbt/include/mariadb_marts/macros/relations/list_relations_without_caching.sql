{% macro mariadb_marts__list_relations_without_caching(schema_relation) -%}
    {%- set schema = "'" ~ schema_relation.schema | replace("'", "''") ~ "'" -%}
    {%- call statement('list_relations_without_caching', fetch_result=True) -%}
        select
            null as `database`,
            table_name as name,
            {{ schema }} as `schema`,
            if(table_type = 'VIEW', 'view', 'table') as table_type
        from information_schema.tables
        where
            table_schema = {{ schema }}
            and table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')
            {%- if flags.WHICH == 'generate' %}
            and table_name in (select table_name from information_schema.columns where table_schema = {{ schema }})
            {%- endif %}
    {%- endcall -%}
    {{ return(load_result('list_relations_without_caching').table) }}
{%- endmacro %}
