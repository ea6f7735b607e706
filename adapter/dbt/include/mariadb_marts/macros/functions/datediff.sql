{% macro mariadb_marts__datediff(first_date, second_date, datepart) -%}
    timestampdiff(
        {{ datepart }}, {{ mariadb_marts__date_trunc(datepart, first_date) }}, {{ mariadb_marts__date_trunc(datepart, second_date) }}
    )
{%- endmacro %}
