{% macro mariadb__create_csv_table(model, agate_table) %}
    {%- set columns = [] -%}
    {%- for name in agate_table.column_names -%}
        {%- do columns.append(adapter.quote(name) ~ ' ' ~ model['config']['column_types'][name]) -%}
    {%- endfor -%}
    {%- set sql = 'create table ' ~ this ~ ' (' ~ columns | join(', ') ~ ') engine = innodb ' ~ utf8mb4() -%}
    {%- do run_query(sql) -%}
    {{ return(sql) }}
{% endmacro %}
