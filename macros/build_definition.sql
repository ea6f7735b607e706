{#-
    A digest of all that decides what the facts hold besides their source: the models and snapshots up to them (SQL,
    contract, config), every macro these use and the macros those use, the variables, the target, and the types of the
    source's columns, which the cleaning follows. Where it differs from the build before, the facts are built in full.
-#}
{% macro build_definition() %}
    {%- set parts = [target.name, target.schema, project_vars(), source_types() | string] -%}
    {%- set macros = [] -%}
    {%- for unique_id in fact_nodes() | sort if unique_id in graph.nodes -%}
        {%- set node = graph.nodes[unique_id] -%}
        {%- set config = [] -%}
        {%- for name in ['materialized', 'primary_key', 'indexes', 'changed_by', 'changed_in', 'compared', 'column_types',
            'strategy', 'unique_key', 'check_cols', 'updated_at', 'invalidate_hard_deletes', 'quote_columns', 'delimiter'] -%}
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

{#- Unique ids of the nodes whose state is recorded, and of all that they are made from. -#}
{% macro fact_nodes() %}
    {%- set found = [] -%}
    {%- for node in graph.nodes.values() if node.config.get('changed_by') or node.config.get('compared') -%}
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

{#-
    The variables that may change a fact: all of the project and of --vars but these, which no model of the facts reads.
    A new variable counts until it stands here.
-#}
{% macro project_vars() %}
    {%- set others = [
        'lookback_days', 'incremental_from_orders',
        'abc_class_a_share', 'abc_class_b_share', 'inventory_window_days', 'low_cover_days', 'pairs_top_products',
        'pairs_minimum_orders', 'frequency_score_orders', 'unusual_order_total', 'unusual_quantity',
    ] -%}
    {%- set given = dict(adapter.config.vars.to_dict()) -%}
    {%- do given.update(given.pop(project_name, {})) -%}
    {%- do given.update(adapter.config.cli_vars) -%}
    {%- set found = [] -%}
    {%- for name, value in given.items() | sort(attribute='0') if name not in others -%}
        {%- do found.append([name, value]) -%}
    {%- endfor -%}
    {{ return(tojson(found, sort_keys=true)) }}
{% endmacro %}

{#- Tables, columns and types of the source; none of the sample, whose types are config of its seeds. -#}
{% macro source_types() %}
    {%- set schemas = [] -%}
    {%- for source in graph.sources.values() if source.unique_id in fact_nodes() -%}
        {%- do schemas.append(source.schema) -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- for schema in schemas | unique | sort -%}
        {%- for row in run_query(
            "select lower(table_name), lower(column_name), column_type from information_schema.columns where table_schema = '"
            ~ schema ~ "' order by 1, 2, 3"
        ).rows -%}
            {%- do found.append(row.values() | join(' ')) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{#- The unique id of the materialization's macro, as dbt looks it up: this project's, then the adapter's, then dbt's. -#}
{% macro materialization_macro(materialized) %}
    {%- set found = [] -%}
    {%- for adapter_name in [adapter.type(), 'mysql', 'default'] -%}
        {%- set name = 'materialization_' ~ materialized ~ '_' ~ adapter_name -%}
        {%- if context.get(name) -%}
            {%- do found.append(context[name].macro.unique_id) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return((found + [''])[0]) }}
{% endmacro %}

{#- The SQL of these macros and of all that they use, by unique id; what an adapter or this project overrides, included. -#}
{% macro used_macros(unique_ids) %}
    {%- set todo = unique_ids | unique | list -%}
    {%- set found = {} -%}
    {%- for unique_id in todo if unique_id -%}
        {%- set package, name = unique_id.split('.')[1:3] -%}
        {%- set macro = ((context.get(package) or {}).get(name) or context.get(name) or {}).macro -%}
        {%- do found.update({unique_id: macro.macro_sql if macro else ''}) -%}
        {%- for used in (macro.depends_on.macros if macro else []) if used not in todo -%}
            {%- do todo.append(used) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
