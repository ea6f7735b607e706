{% macro rows_to_test(relation) %}
    {%- if not execute or config.get('severity') | lower == 'warn' or not is_partial(relation.identifier) -%}
        {{ return(relation) }}
    {%- endif -%}
    {%- set state = build_states()[relation.identifier] -%}
    {%- if state.built_by != invocation_id or state.tested != tested_mark(state.previous) -%}
        {{ return(relation) }}
    {%- endif -%}
    {%- set node_config = graph.nodes['model.' ~ project_name ~ '.' ~ relation.identifier].config.meta -%}
    {%- set by = [] -%}
    {%- for column in node_config.changed_by -%}
        {%- do by.append('replaced.' ~ column ~ ' = changed.' ~ column) -%}
    {%- endfor -%}
    {{ return(
        '(select replaced.* from ' ~ built_mart(node_config.changed_in) ~ ' as changed inner join ' ~ relation
        ~ ' as replaced on ' ~ by | join(' and ') ~ ') as rows_to_test'
    ) }}
{% endmacro %}
