{% macro mariadb_marts__safe_cast(field, type) -%}
    {%- set name = type | lower | trim -%}
    {%- set word = name.split('(')[0].split(' ')[0] -%}
    {%- if 'char' in word or 'text' in word or word in ['enum', 'set', 'json', 'uuid', 'inet4', 'inet6'] -%}
        cast({{ field }} as char)
    {%- elif 'int' in word or word in ['boolean', 'bool'] -%}
        cast({{ field }} as {{ 'unsigned' if 'unsigned' in name else 'signed' }})
    {%- elif 'blob' in word or 'binary' in word -%}
        cast({{ field }} as binary)
    {%- elif word == 'timestamp' -%}
        cast({{ field }} as {{ name.replace('timestamp', 'datetime') }})
    {%- elif word in ['decimal', 'datetime', 'date', 'time', 'double', 'float'] -%}
        cast({{ field }} as {{ name.replace(' unsigned', '').replace(' zerofill', '') }})
    {%- else -%}
        {{ field }}
    {%- endif -%}
{%- endmacro %}
