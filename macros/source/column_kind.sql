{% macro column_kind(dtype) %}
    {%- set name = dtype.split('(')[0].split(' ')[0] -%}
    {%- if name == 'bigint' and 'unsigned' in dtype -%}
        {{ return('unsigned') }}
    {%- elif name in ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'] -%}
        {{ return('integer') }}
    {%- elif name in ['date', 'datetime', 'timestamp'] -%}
        {{ return(name) }}
    {%- elif name == 'decimal' and (dtype.split(',')[1].split(')')[0] | int) <= 4 -%}
        {{ return('decimal') }}
    {%- endif -%}
    {{ return('text') }}
{% endmacro %}
