{% macro build_definition() %}
    {%- set parts = [target.name, target.schema, project_vars(), source_types() | string] -%}
    {%- set macros = [] -%}
    {%- for unique_id in fact_nodes() | sort if unique_id in graph.nodes -%}
        {%- set node = graph.nodes[unique_id] -%}
        {%- set config = [] -%}
        {%- for name in ['materialized', 'primary_key', 'indexes', 'meta', 'column_types',
            'strategy', 'unique_key', 'check_cols', 'updated_at', 'hard_deletes', 'quote_columns', 'delimiter'] -%}
            {%- do config.append(node.config.get(name) | string) -%}
        {%- endfor -%}
        {%- do config.append(node.config.get('pre-hook') | string ~ node.config.get('post-hook') | string) -%}
        {%- do parts.extend([
            unique_id, node.raw_code or '', node.relation_name or '', (node.contract or {}).get('checksum') or '',
            node.columns | join(','), config | join(';'),
        ]) -%}
        {%- do macros.extend(node.depends_on.macros) -%}
        {#- dbt knows the macros that it called while parsing; others are called only when a model runs. -#}
        {%- for name in modules.re.findall('([A-Za-z_]+)[ ]*[(]', node.raw_code or '') if (context.get(name) or {}).macro -%}
            {%- do macros.append(context[name].macro.unique_id) -%}
        {%- endfor -%}
        {%- do macros.append(materialization_macro(node.config.materialized)) -%}
    {%- endfor -%}
    {%- for unique_id, sql in used_macros(macros).items() | sort(attribute='0') -%}
        {%- do parts.extend([unique_id, sql]) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | join('\n') | replace('\r\n', '\n'))) }}
{% endmacro %}
