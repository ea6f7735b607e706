{% macro mariadb_marts__get_columns_in_relation(relation) -%}
    {%- call statement('get_columns_in_relation', fetch_result=True) -%}
        show columns from {{ adapter.quote(relation.identifier) }} from {{ adapter.quote(relation.schema) }}
        where not (field = '~row' and extra like '%INVISIBLE%')
    {%- endcall -%}
    {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro %}
