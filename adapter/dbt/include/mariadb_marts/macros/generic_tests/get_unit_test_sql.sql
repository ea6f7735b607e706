{% macro mariadb_marts__get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
    {%- set columns -%}
        {%- for name in expected_column_names %}
            convert({{ name }} using utf8mb4) collate utf8mb4_bin as {{ name }},
        {%- endfor %}
    {%- endset -%}
    with

    dbt_internal_unit_test_actual as (

        select
            {{ columns }}
            'actual' as actual_or_expected
        from ({{ main_sql }}) as dbt_internal_unit_test_main

    ),

    dbt_internal_unit_test_expected as (

        select
            {{ columns }}
            'expected' as actual_or_expected
        from ({{ expected_fixture_sql }}) as dbt_internal_unit_test_fixture

    )

    select * from dbt_internal_unit_test_actual
    union all
    select * from dbt_internal_unit_test_expected
{%- endmacro %}
