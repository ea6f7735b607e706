{% macro mariadb_marts__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    group_concat(
        {{ measure }} {{ order_by_clause or '' }} separator {{ delimiter_text }}{{ ' limit ' ~ limit_num if limit_num }}
    )
{%- endmacro %}
