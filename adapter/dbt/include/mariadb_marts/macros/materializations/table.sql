{% materialization table, adapter='mariadb_marts' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set new = make_intermediate_relation(target_relation) -%}
    {%- set old = make_backup_relation(target_relation, existing.type if existing else 'table') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- do prepare_build() -%}
    {%- do run_query('drop table if exists ' ~ new) -%}
    {%- do adapter.drop_relation(old) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if is_built_in_part() -%}
        {%- do run_query('create temporary table ' ~ new ~ ' like ' ~ target_relation) -%}
        {% call statement('main') -%}
            insert into {{ new }} {{ get_select_subquery(sql) }}
        {%- endcall %}
        {%- do build_in_part(target_relation, new) -%}
        {%- do run_query('drop temporary table ' ~ new) -%}
    {%- else -%}
        {% call statement('main') -%}
            {{ get_create_table_as_sql(False, new, sql) }}
        {%- endcall %}
        {%- if indexes_after() -%}
            {%- do run_query('alter table ' ~ new ~ ' ' ~ indexes_after()) -%}
        {%- endif -%}
        {#- MariaDB counts a new table's rows seconds later; until then it would plan joins as if the table were empty. -#}
        {%- do run_query('analyze table ' ~ new) -%}
        {%- if existing -%}
            {%- do run_query('rename table ' ~ target_relation ~ ' to ' ~ old ~ ', ' ~ new ~ ' to ' ~ target_relation) -%}
            {%- do adapter.drop_relation(old) -%}
        {%- else -%}
            {%- do run_query('rename table ' ~ new ~ ' to ' ~ target_relation) -%}
        {%- endif -%}
        {%- do after_swap() -%}
    {%- endif -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
