{% macro mariadb_marts__create_csv_table(model, agate_table) %}
    {%- set columns = [] -%}
    {%- for name in agate_table.column_names -%}
        {%- set type = model['config'].get('column_types', {}).get(name) or adapter.convert_type(agate_table, loop.index0) -%}
        {%- do columns.append(adapter.quote(name) ~ ' ' ~ type) -%}
    {%- endfor -%}
    {%- set key = model['config'].get('primary_key') -%}
    {%- do columns.append(
        'primary key (' ~ ([key] if key is string else key) | map('trim') | join(', ') ~ ')' if key
        else '`~row` bigint unsigned not null auto_increment invisible primary key'
    ) -%}
    {%- set sql = 'create table ' ~ this ~ ' (' ~ columns | join(', ') ~ ') engine = innodb ' ~ utf8mb4() -%}
    {%- do run_query(sql) -%}
    {{ return(sql) }}
{% endmacro %}
