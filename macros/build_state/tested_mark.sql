{% macro tested_mark(invocation) %}
    {%- set parts = [invocation] -%}
    {%- set macros = [] -%}
    {%- for name, node in graph.nodes.items() | sort(attribute='0') if node.resource_type == 'test' -%}
        {%- do parts.extend([name, node.raw_code, node.config.get('where') | string, node.config.severity]) -%}
        {%- do macros.extend(node.depends_on.macros) -%}
    {%- endfor -%}
    {%- for name, sql in used_macros(macros).items() | sort(attribute='0') -%}
        {%- do parts.extend([name, sql]) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | join('|'))) }}
{% endmacro %}
