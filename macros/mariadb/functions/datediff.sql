{% macro mariadb__datediff(first_date, second_date, datepart) -%}
    timestampdiff(
        {{ datepart }}, {{ mariadb__date_trunc(datepart, first_date) }}, {{ mariadb__date_trunc(datepart, second_date) }}
    )
{%- endmacro %}
