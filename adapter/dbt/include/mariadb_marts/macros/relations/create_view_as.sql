{% macro mariadb_marts__create_view_as(relation, sql) -%}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
    create or replace algorithm = {{ 'temptable' if ' regexp ' in sql else 'undefined' }} view {{ relation }} as
    {{ sql }}
{%- endmacro %}
