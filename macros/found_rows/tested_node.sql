{% macro tested_node(test) %}
    {%- set found = [] -%}
    {%- if test.test_metadata -%}
        {%- for unique_id in ([test.attached_node] if test.attached_node else test.depends_on.nodes) -%}
            {%- do found.append(graph.nodes.get(unique_id) or graph.sources.get(unique_id)) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return((found | select | list + [none])[0]) }}
{% endmacro %}
