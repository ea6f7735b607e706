{% macro stamp_build(state, moment={}) %}
    {%- if execute and flags.WHICH in ['build', 'run', 'seed', 'snapshot', 'retry', 'clone'] -%}
        {%- set stamp = api.Relation.create(schema=target.schema, identifier='dbt_build_stamp') -%}
        {%- do adapter.create_schema(stamp) -%}
        {%- do run_query(
            'create table if not exists ' ~ stamp ~ ' ('
            ~ 'invocation_id varchar(36) not null, state varchar(10) not null, stamped_at datetime(6) not null, '
            ~ 'primary key (invocation_id)) engine = innodb ' ~ utf8mb4()
        ) -%}
        {%- do run_query(
            'alter table ' ~ stamp ~ ' add column if not exists moment_mode varchar(10), '
            ~ 'add column if not exists moment_gtid text, add column if not exists moment_at datetime(6), '
            ~ 'add column if not exists moved_to text'
        ) -%}
        {%- set begun = run_query(
            'select moment_mode, moment_gtid, cast(moment_at as char) from ' ~ stamp ~ " where invocation_id = '"
            ~ invocation_id ~ "' and moment_mode is not null"
        ).rows -%}
        {#- Where another build has begun since, the row of this one's start is gone, and its moment is not known. -#}
        {%- set first = moment if state == 'running' else {} -%}
        {%- if begun -%}
            {%- set first = {'mode': begun[0][0], 'gtid': begun[0][1], 'at': begun[0][2]} -%}
        {%- endif -%}
        {%- set was = first.get('gtid') or first.get('at') or '' -%}
        {%- set is_now = moment.get('gtid') or moment.get('at') or '' -%}
        {%- set values = [
            invocation_id, state if was == is_now else 'moved', first.get('mode'), first.get('gtid'), first.get('at'),
            none if was == is_now else is_now
        ] -%}
        {%- set quoted = [] -%}
        {%- for value in values -%}
            {%- do quoted.append('null' if value is none else "'" ~ value ~ "'") -%}
        {%- endfor -%}
        {%- do run_query('start transaction') -%}
        {%- do run_query('delete from ' ~ stamp) -%}
        {%- do run_query(
            'insert into ' ~ stamp
            ~ ' (invocation_id, state, moment_mode, moment_gtid, moment_at, moved_to, stamped_at) values ('
            ~ quoted | join(', ') ~ ', utc_timestamp(6))'
        ) -%}
        {%- do run_query('commit') -%}
        {%- if was != is_now -%}
            {%- do log(
                'The source moved from ' ~ (was or 'an unknown moment') ~ ' to ' ~ (is_now or 'nothing')
                ~ ' during this build, so its tables show no single moment. Build again.', info=true
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
