{% macro mariadb_marts__generate_alias_name(custom_alias_name=none, node=none) -%}
    {%- set name = default__generate_alias_name(custom_alias_name, node) -%}
    {%- if node and node.resource_type == 'test' and name | length > 64 -%}
        {%- set name = name[:31] ~ '_' ~ local_md5(name) -%}
    {%- endif -%}
    {{ return(name) }}
{%- endmacro %}
