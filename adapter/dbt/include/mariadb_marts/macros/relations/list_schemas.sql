{% macro mariadb_marts__list_schemas(database) -%}
    {%- set wanted = "'" ~ target.schema | replace("'", "''") ~ "'" -%}
    {%- call statement('list_schemas', fetch_result=True, auto_begin=False) -%}
        select schema_name from information_schema.schemata
        union all
        select {{ wanted }} from information_schema.schemata
        where @@lower_case_table_names > 0 and schema_name = {{ wanted }}
    {%- endcall -%}
    {{ return(load_result('list_schemas').table) }}
{%- endmacro %}
