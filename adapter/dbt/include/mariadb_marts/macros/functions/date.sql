{% macro mariadb_marts__date(year, month, day) -%}
    cast('{{ '%04d-%02d-%02d' % (year, month, day) }}' as date)
{%- endmacro %}
