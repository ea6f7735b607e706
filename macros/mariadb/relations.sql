{#- How schemas, tables and views come to be on MariaDB: always utf8mb4, clustered by the declared key, swapped at once. -#}

{#- A schema's default may be latin1, so every table says it. -#}
{% macro utf8mb4() -%}
    default character set utf8mb4 collate utf8mb4_unicode_ci
{%- endmacro %}

{% macro mariadb__create_schema(relation) -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation.without_identifier() }} {{ utf8mb4() }}
    {%- endcall -%}
{%- endmacro %}

{#-
    The schemas that are there. dbt compares names with case, so the target's is listed as the profile spells it as well
    where MariaDB keeps it in lower case.
-#}
{% macro mariadb__list_schemas(database) -%}
    {%- set wanted = "'" ~ target.schema | replace("'", "''") ~ "'" -%}
    {%- call statement('list_schemas', fetch_result=True, auto_begin=False) -%}
        select schema_name from information_schema.schemata
        union all
        select {{ wanted }} from information_schema.schemata
        where @@lower_case_table_names > 0 and schema_name = {{ wanted }}
    {%- endcall -%}
    {{ return(load_result('list_schemas').table) }}
{%- endmacro %}

{#-
    Lists tables and views for dbt's cache: a system-versioned table is a table, and a sequence holds no rows. The schema
    comes back as asked for, because dbt compares it with case and MariaDB may not. The catalog of `dbt docs` reads the
    columns of each, so it leaves out views whose tables are gone.
-#}
{% macro mariadb__list_relations_without_caching(schema_relation) -%}
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

{#- dbt-mysql does not quote the names. -#}
{% macro mariadb__get_columns_in_relation(relation) -%}
    {%- call statement('get_columns_in_relation', fetch_result=True) -%}
        show columns from {{ adapter.quote(relation.identifier) }} from {{ adapter.quote(relation.schema) }}
    {%- endcall -%}
    {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro %}

{#-
    What a table build needs beyond `session_settings`: room in memory for the sums of millions of lines, which are
    several times slower on disk, and sums that are joined made once, not for each row of the other side
    (split_materialized). Recursive queries need a current schema.
-#}
{% macro prepare_build() %}
    {%- do run_query('use ' ~ adapter.quote(this.schema)) -%}
    {%- do run_query(
        'set session tmp_memory_table_size = 256 * 1024 * 1024, max_heap_table_size = 256 * 1024 * 1024, '
        ~ "sort_buffer_size = 32 * 1024 * 1024, optimizer_switch = 'split_materialized=off'"
    ) -%}
{% endmacro %}

{#-
    A table under an enforced contract is created with its columns and PRIMARY KEY and filled by the same statement, so
    that it is clustered from its first row. A failing statement leaves no table behind.
-#}
{% macro mariadb__create_table_as(temporary, relation, sql) -%}
    {%- set enforced = config.get('contract').enforced and not temporary -%}
    {%- if enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- elif config.get('primary_key') and not temporary -%}
        {{ exceptions.raise_compiler_error("primary_key of " ~ relation.identifier ~ " needs an enforced contract") }}
    {%- endif -%}
    create {{ 'temporary ' if temporary }}table {{ relation }}
    {%- if enforced %} (
        {{ (adapter.render_raw_columns_constraints(raw_columns=model['columns']) + primary_key()) | join(',\n        ') }}
    )
    {%- endif %}
    engine = innodb {{ utf8mb4() }} as
    {{ get_select_subquery(sql) if enforced else sql }}
{%- endmacro %}

{#- The config primary_key (list of columns) as a clause of CREATE TABLE. -#}
{% macro primary_key() %}
    {%- set key = config.get('primary_key') -%}
    {{ return(['primary key (' ~ key_columns(key) ~ ')'] if key else []) }}
{% endmacro %}

{#- The config indexes (list of {columns, unique}) for ALTER TABLE: sorting a full table is faster than inserting. -#}
{% macro indexes_after() %}
    {%- set clauses = [] -%}
    {%- for index in config.get('indexes', []) -%}
        {%- do clauses.append(
            'add ' ~ ('unique ' if index.unique else '') ~ 'index (' ~ key_columns(index.columns) ~ ')'
        ) -%}
    {%- endfor -%}
    {{ return(clauses | join(', ')) }}
{% endmacro %}

{% macro key_columns(names) %}
    {%- set known = model['columns'] | map('lower') | list -%}
    {%- for name in names if name | lower not in known -%}
        {{ exceptions.raise_compiler_error(
            "a key of " ~ model['name'] ~ " names the column '" ~ name ~ "'; its columns are "
            ~ model['columns'] | join(', ')
        ) }}
    {%- endfor -%}
    {{ return(names | join(', ')) }}
{% endmacro %}

{#-
    A view that reads text by patterns is computed once per query, so that its result can be joined by key; any other
    is merged into the query and joined by the indexes of its tables.
-#}
{% macro mariadb__create_view_as(relation, sql) -%}
    create or replace algorithm = {{ 'temptable' if ' regexp ' in sql else 'undefined' }} view {{ relation }} as
    {{ sql }}
{%- endmacro %}

{% materialization view, adapter='mariadb' %}
    {%- set to_return = create_or_replace_view() -%}
    {%- do return(to_return) -%}
{% endmaterialization %}

{#-
    Fills a new table beside the old one and swaps them in one RENAME TABLE: readers see the old or the new, never none.
    MariaDB counts the rows of a new table some seconds later; until then it would join the next model to a table of none.
    In an incremental build, a model with the config changed_by has its changed rows replaced in one transaction.
-#}
{% materialization table, adapter='mariadb' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set new = make_intermediate_relation(target_relation) -%}
    {%- set old = make_backup_relation(target_relation, existing.type if existing else 'table') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- do prepare_build() -%}
    {%- do run_query('drop table if exists ' ~ new) -%}
    {%- do adapter.drop_relation(old) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if config.get('changed_by') and is_partial() -%}
        {%- do run_query('create temporary table ' ~ new ~ ' like ' ~ target_relation) -%}
        {% call statement('main') -%}
            insert into {{ new }} {{ get_select_subquery(sql) }}
        {%- endcall %}
        {%- do replace_changed_rows(target_relation, new) -%}
        {%- do run_query('drop temporary table ' ~ new) -%}
    {%- else -%}
        {% call statement('main') -%}
            {{ get_create_table_as_sql(False, new, sql) }}
        {%- endcall %}
        {%- if indexes_after() -%}
            {%- do run_query('alter table ' ~ new ~ ' ' ~ indexes_after()) -%}
        {%- endif -%}
        {%- do run_query('analyze table ' ~ new) -%}
        {%- if existing -%}
            {%- do run_query('rename table ' ~ target_relation ~ ' to ' ~ old ~ ', ' ~ new ~ ' to ' ~ target_relation) -%}
            {%- do adapter.drop_relation(old) -%}
        {%- else -%}
            {%- do run_query('rename table ' ~ new ~ ' to ' ~ target_relation) -%}
        {%- endif -%}
        {%- if config.get('changed_by') or config.get('compared') -%}
            {%- do run_query(record_build_state()) -%}
        {%- endif -%}
    {%- endif -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#-
    Of the rows that int_orders_changed or int_purchases_changed names (changed_in, by the columns of changed_by),
    deletes those that are no longer so and inserts those that are new, in one transaction and in the order of the key.
-#}
{% macro replace_changed_rows(target_relation, new) %}
    {%- set changed = target_relation.incorporate(path={'identifier': config.get('changed_in')}) -%}
    {%- set key = config.get('primary_key') -%}
    {%- set key_names = key | map('lower') | list -%}
    {%- set by, same, known = [], [], [] -%}
    {%- for column, changed_column in config.get('changed_by').items() -%}
        {%- do by.append('built.' ~ column ~ ' = changed.' ~ changed_column) -%}
    {%- endfor -%}
    {%- for column in key -%}
        {%- do known.append('built.' ~ column ~ ' = made.' ~ column) -%}
    {%- endfor -%}
    {%- for column in adapter.get_columns_in_relation(target_relation) if column.name | lower not in key_names -%}
        {%- set as_is = 'cast(%s as binary)' if type_parts(column.dtype)[0] == 'text' else '%s' -%}
        {%- do same.append(as_is % ('built.' ~ column.name) ~ ' <=> ' ~ as_is % ('made.' ~ column.name)) -%}
    {%- endfor -%}
    {%- do run_query('start transaction') -%}
    {%- do run_query(
        'delete built from ' ~ changed ~ ' as changed force index (primary) inner join ' ~ target_relation ~ ' as built on '
        ~ by | join(' and ') ~ ' left join ' ~ new ~ ' as made on ' ~ (known + same) | join(' and ')
        ~ ' where made.' ~ key[0] ~ ' is null'
    ) -%}
    {%- do run_query(
        'insert into ' ~ target_relation ~ ' select made.* from ' ~ new ~ ' as made left join ' ~ target_relation
        ~ ' as built on ' ~ known | join(' and ') ~ ' where built.' ~ key[0] ~ ' is null'
    ) -%}
    {%- do run_query(record_build_state()) -%}
    {%- do run_query('commit') -%}
{% endmacro %}

{% macro mariadb__create_csv_table(model, agate_table) %}
    {%- set columns = [] -%}
    {%- for name in agate_table.column_names -%}
        {%- do columns.append(adapter.quote(name) ~ ' ' ~ model['config']['column_types'][name]) -%}
    {%- endfor -%}
    {%- set sql = 'create table ' ~ this ~ ' (' ~ columns | join(', ') ~ ') engine = innodb ' ~ utf8mb4() -%}
    {%- do run_query(sql) -%}
    {{ return(sql) }}
{% endmacro %}
