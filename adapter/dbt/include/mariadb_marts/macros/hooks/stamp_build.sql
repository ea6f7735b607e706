{% macro stamp_build(state) %}
    {%- if execute and flags.WHICH in ['build', 'run', 'seed', 'snapshot', 'retry', 'clone'] -%}
        {%- set stamp = api.Relation.create(schema=target.schema, identifier='dbt_build_stamp') -%}
        {%- do adapter.create_schema(stamp) -%}
        {%- do run_query(
            'create table if not exists ' ~ stamp ~ ' ('
            ~ 'invocation_id varchar(36) not null, state varchar(10) not null, stamped_at datetime(6) not null, '
            ~ 'primary key (invocation_id)) engine = innodb ' ~ utf8mb4()
        ) -%}
        {%- do run_query('start transaction') -%}
        {%- do run_query('delete from ' ~ stamp) -%}
        {%- do run_query(
            'insert into ' ~ stamp ~ " values ('" ~ invocation_id ~ "', '" ~ state ~ "', utc_timestamp(6))"
        ) -%}
        {%- do run_query('commit') -%}
    {%- endif -%}
{% endmacro %}
