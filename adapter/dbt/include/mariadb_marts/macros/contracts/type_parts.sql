{% macro type_parts(data_type) %}
    {%- set name = data_type.split('(')[0].split(' ')[0] -%}
    {%- set arguments = data_type.split('(')[1].split(')')[0].split(',') if '(' in data_type else [] -%}
    {%- if name in ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'] -%}
        {{ return(('integer', 0)) }}
    {%- elif name == 'decimal' -%}
        {{ return(('decimal', arguments[1] | int)) }}
    {%- elif name in ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'] -%}
        {{ return(('text', 0)) }}
    {%- elif name in ['datetime', 'timestamp', 'time'] -%}
        {{ return((name, (arguments + [0])[0] | int)) }}
    {%- endif -%}
    {{ return((data_type, 0)) }}
{% endmacro %}
