{% macro mariadb__snapshot_merge_sql_update(target, source, insert_cols) -%}
    update {{ target }} as snapshotted
    inner join {{ source }} as changes on snapshotted.dbt_scd_id = changes.dbt_scd_id
    set snapshotted.dbt_valid_to = changes.dbt_valid_to
    where
        changes.dbt_change_type in ('update', 'delete')
        and snapshotted.dbt_valid_to is null
{%- endmacro %}
