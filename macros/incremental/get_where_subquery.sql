{% macro mariadb_marts__get_where_subquery(relation) -%}
    {%- set rows = rows_to_test(relation) -%}
    {%- set where = config.get('where') -%}
    {{ return('(select * from ' ~ rows ~ ' where ' ~ where ~ ') as dbt_subquery' if where else rows) }}
{%- endmacro %}
