{% macro mariadb_marts__create_view_as(relation, sql) -%}
    create or replace algorithm = {{ 'temptable' if ' regexp ' in sql else 'undefined' }} view {{ relation }} as
    {{ sql }}
{%- endmacro %}
