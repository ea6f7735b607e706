{% macro create_build_state_table() %}
    {%- do run_query(
        'create table if not exists ' ~ build_state_table() ~ ' (model varchar(128) not null, '
        ~ 'built_by varchar(36) not null, built_at datetime(6) not null, definition char(32) not null, '
        ~ 'previous varchar(36), base varchar(36), tested char(32), primary key (model)) engine = innodb ' ~ utf8mb4()
    ) -%}
    {%- do run_query('alter table ' ~ build_state_table() ~ ' add column if not exists tested char(32)') -%}
{% endmacro %}
