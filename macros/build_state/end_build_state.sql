{% macro end_build_state(results) %}
    {%- if execute and flags.WHICH in ['build', 'retry'] -%}
        {%- set passed = [] -%}
        {%- for result in results if result.status == 'pass' or is_only_warning(result.node) -%}
            {%- do passed.append(result.node.unique_id) -%}
        {%- endfor -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.meta.get('changed_by') -%}
            {%- set left = [] -%}
            {%- for test in graph.nodes.values() if test.resource_type == 'test' -%}
                {%- if node.unique_id in test.depends_on.nodes and test.unique_id not in passed -%}
                    {%- do left.append(test.unique_id) -%}
                {%- endif -%}
            {%- endfor -%}
            {%- if not left -%}
                {%- do run_query(
                    'update ' ~ build_state_table() ~ " set tested = '" ~ tested_mark(invocation_id) ~ "' where model = '"
                    ~ node.name ~ "' and built_by = '" ~ invocation_id ~ "'"
                ) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do run_query('commit') -%}
    {%- endif -%}
{% endmacro %}
