{% macro fact_nodes() %}
    {%- set found = [] -%}
    {%- for node in graph.nodes.values() if node.config.get('meta', {}).get('changed_by') or node.config.get('meta', {}).get('compared') -%}
        {%- do found.append(node.unique_id) -%}
    {%- endfor -%}
    {#- The list grows while it is read, until no parent is new. -#}
    {%- for unique_id in found if unique_id in graph.nodes -%}
        {%- for parent in graph.nodes[unique_id].depends_on.nodes if parent not in found -%}
            {%- do found.append(parent) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
