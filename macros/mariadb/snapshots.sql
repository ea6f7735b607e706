{#- Mends dbt-mysql's snapshots: microseconds kept, hard deletes closed, rows that come back opened again. -#}

{% macro mariadb__snapshot_string_as_time(timestamp) -%}
    {{ return("str_to_date('" ~ timestamp ~ "', '%Y-%m-%d %H:%i:%s.%f')") }}
{%- endmacro %}

{#- dbt-mysql shadows dbt's dispatching macro with an older copy that knows no deletes; this puts dbt's own back. -#}
{% macro snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {{ default__snapshot_staging_table(strategy, source_sql, target_relation) }}
{%- endmacro %}

{#- dbt-mysql closes rows of change type 'update' only. -#}
{% macro mariadb__snapshot_merge_sql_update(target, source, insert_cols) -%}
    update {{ target }} as snapshotted
    inner join {{ source }} as changes on snapshotted.dbt_scd_id = changes.dbt_scd_id
    set snapshotted.dbt_valid_to = changes.dbt_valid_to
    where
        changes.dbt_change_type in ('update', 'delete')
        and snapshotted.dbt_valid_to is null
{%- endmacro %}

{#- The table of a snapshot, whose name holds the source's schema: MariaDB may keep it in lower case. -#}
{% macro mariadb__get_or_create_relation(database, schema, identifier, type) %}
    {%- set wanted = api.Relation.create(schema=schema, identifier=identifier, type=type) -%}
    {%- set found = find_table(wanted, []) -%}
    {%- if found == 'VIEW' -%}
        {{ return([true, wanted.incorporate(type='view')]) }}
    {%- endif -%}
    {{ return([found is not none, wanted]) }}
{% endmacro %}

{#-
    Whether the checked columns are new to the snapshot's table, and those that it has. dbt's own macro asks its cache
    for the table by name, which fails where the server keeps names in lower case.
-#}
{% macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) -%}
    {%- if not target_exists -%}
        {{ return((false, [])) }}
    {%- endif -%}
    {%- set checked = '*' if check_cols_config == 'all' else check_cols_config | join(', ') -%}
    {%- set wanted = get_columns_in_query('select ' ~ checked ~ ' from (' ~ node['compiled_code'] ~ ') as snapshotted') -%}
    {%- set table = api.Relation.create(schema=node.schema, identifier=node.alias, type='table') -%}
    {%- set existing = adapter.get_columns_in_relation(table) | map(attribute='name') | list -%}
    {%- set kept = [] -%}
    {%- for column in wanted if column in existing -%}
        {%- do kept.append(adapter.quote(column)) -%}
    {%- endfor -%}
    {{ return((kept | length < wanted | length, kept)) }}
{%- endmacro %}
