{% macro key_of(node) %}
    {%- set declared = node.config.get('primary_key') -%}
    {%- set plain, personal = [], [] -%}
    {%- for test in graph.nodes.values() if test.resource_type == 'test' and test.test_metadata -%}
        {%- if test.test_metadata.name in ['unique', 'unique_combination'] and (tested_node(test) or {}).unique_id == node.unique_id -%}
            {%- set columns = tested_columns(test) -%}
            {%- set kinds = [] -%}
            {%- for column in columns -%}
                {%- do kinds.append(declared_columns().get(column_key(column))) -%}
            {%- endfor -%}
            {%- do (personal if 'personal' in kinds else plain).append(columns) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(([declared] if declared else plain + personal + [[]])[0]) }}
{% endmacro %}
