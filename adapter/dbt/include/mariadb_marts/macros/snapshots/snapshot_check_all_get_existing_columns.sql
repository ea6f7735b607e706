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
