{#- Cross-database macros that dbt-mysql leaves to dbt's defaults, which are wrong or fail on MariaDB. -#}

{#- The default joins with two bars, which is OR in MariaDB. -#}
{% macro mariadb__concat(fields) -%}
    concat({{ fields | join(', ') }})
{%- endmacro %}

{% macro mariadb__type_string() -%}
    char
{%- endmacro %}

{% macro mariadb__type_numeric() -%}
    decimal(28, 6)
{%- endmacro %}

{% macro mariadb__type_timestamp() -%}
    datetime(6)
{%- endmacro %}

{% macro mariadb__hash(field) -%}
    md5(cast({{ field }} as char))
{%- endmacro %}

{% macro mariadb__current_timestamp() -%}
    utc_timestamp(6)
{%- endmacro %}

{% macro mariadb__dateadd(datepart, interval, from_date_or_timestamp) -%}
    timestampadd({{ datepart }}, {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro %}

{#- Counts crossed boundaries, as other adapters do: from 31 December to 1 January is one year. -#}
{% macro mariadb__datediff(first_date, second_date, datepart) -%}
    timestampdiff(
        {{ datepart }}, {{ mariadb__date_trunc(datepart, first_date) }}, {{ mariadb__date_trunc(datepart, second_date) }}
    )
{%- endmacro %}

{% macro mariadb__date_trunc(datepart, date) -%}
    {%- set formats = {
        'second': '%Y-%m-%d %H:%i:%s',
        'minute': '%Y-%m-%d %H:%i:00',
        'hour': '%Y-%m-%d %H:00:00',
        'day': '%Y-%m-%d',
        'month': '%Y-%m-01',
        'year': '%Y-01-01',
    } -%}
    {%- if datepart == 'week' -%}
        cast(date_sub(date({{ date }}), interval weekday({{ date }}) day) as datetime)
    {%- elif datepart == 'quarter' -%}
        cast(timestampadd(quarter, quarter({{ date }}) - 1, date_format({{ date }}, '%Y-01-01')) as datetime)
    {%- elif datepart in formats -%}
        cast(date_format({{ date }}, '{{ formats[datepart] }}') as datetime)
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "date_trunc: no datepart '" ~ datepart ~ "'; use week, quarter or one of " ~ formats | join(', ')
        ) }}
    {%- endif -%}
{%- endmacro %}
