{% macro declared_columns() %}
    {%- set found = {} -%}
    {%- for node in (graph.nodes.values() | list) + (graph.sources.values() | list) -%}
        {%- for column in (node.columns or {}).values() -%}
            {%- set name = column_key(column.name) -%}
            {%- if (column.meta or {}).get('personal') -%}
                {%- do found.update({name: 'personal'}) -%}
            {%- elif name not in found -%}
                {%- do found.update({name: 'plain'}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
