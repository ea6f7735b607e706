{% macro mariadb_marts__create_table_as(temporary, relation, sql) -%}
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
