{#-
    Incremental builds. A build may change the facts instead of making them anew when it knows exactly what the build
    before it left: the table dbt_build_state holds, for each table, the invocation that built it last (built_by), the
    one that had built it when this invocation began (previous), what the project was like then, and whether all tests of
    that table passed (tested). The model int_orders_changed decides for the whole invocation; see docs/incremental.md.
-#}

{% macro build_state_table() %}
    {{ return(api.Relation.create(schema=target.schema, identifier='dbt_build_state')) }}
{% endmacro %}

{#- Hook: what is built now is what this invocation finds. -#}
{% macro begin_build_state() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {%- do create_build_state_table() -%}
        {%- do run_query('update ' ~ build_state_table() ~ ' set previous = built_by, base = null') -%}
        {%- do run_query('commit') -%}
    {%- endif -%}
{% endmacro %}

{% macro create_build_state_table() %}
    {%- do run_query(
        'create table if not exists ' ~ build_state_table() ~ ' (model varchar(128) not null, '
        ~ 'built_by varchar(36) not null, built_at datetime(6) not null, definition char(32) not null, '
        ~ 'previous varchar(36), base varchar(36), tested char(32), primary key (model)) engine = innodb ' ~ utf8mb4()
    ) -%}
    {%- do run_query('alter table ' ~ build_state_table() ~ ' add column if not exists tested char(32)') -%}
{% endmacro %}

{#- Statement that records `this` as built by this invocation; `base` is the build that int_orders_changed compared with. -#}
{% macro record_build_state() -%}
    insert into {{ build_state_table() }} (model, built_by, built_at, definition, base)
    values ('{{ this.identifier }}', '{{ invocation_id }}', utc_timestamp(6), '{{ build_definition() }}', {{ build_base() }})
    on duplicate key update
        built_by = values(built_by), built_at = values(built_at), definition = values(definition), base = values(base)
{%- endmacro %}

{% macro build_base() -%}
    {%- set base = incremental_base() if this.identifier == 'int_orders_changed' -%}
    {{ "'" ~ base ~ "'" if base else 'null' }}
{%- endmacro %}

{#- The rows of dbt_build_state by model; none before the first build. -#}
{% macro build_states() %}
    {%- set states = {} -%}
    {%- set table = build_state_table() -%}
    {%- if execute and run_query(
        "select 1 from information_schema.tables where table_schema = '" ~ table.schema
        ~ "' and table_name = '" ~ table.identifier ~ "'"
    ).rows -%}
        {%- for row in run_query('select model, built_by, definition, previous, base, tested from ' ~ table).rows -%}
            {%- do states.update({row[0]: {
                'built_by': row[1], 'definition': row[2], 'previous': row[3], 'base': row[4], 'tested': row[5]
            }}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(states) }}
{% endmacro %}

{#- Whether this table was built before, from the same project, so that a model may compare itself with it. -#}
{% macro is_built_before() %}
    {%- if not execute -%}
        {{ return('') }}
    {%- else -%}
    {%- set state = build_states().get(this.identifier, {}) -%}
    {%- set existing = load_cached_relation(this) if state -%}
    {{ return(
        existing is not none and existing and existing.is_table and not flags.FULL_REFRESH
        and state.definition == build_definition()
    ) }}
    {%- endif -%}
{% endmacro %}

{#-
    The invocation whose facts this one may change: the same one built, last and together, both facts and the tables of
    prices and customers, which this invocation has compared with what they were. None: all is built anew, as it is
    below so many orders that comparing would take longer.
-#}
{% macro incremental_base() %}
    {%- if not execute -%}
        {{ return('') }}
    {%- else -%}
    {%- set states = build_states() -%}
    {%- set now = [invocation_id] -%}
    {%- set built = ['fct_orders', 'fct_order_lines'] -%}
    {%- set compared = ['int_product_prices_ranged', 'int_customers_located'] -%}
    {%- set bases = [] -%}
    {%- for model in built + compared -%}
        {%- do bases.append(states.get(model, {}).get('previous') or '') -%}
    {%- endfor -%}
    {%- if flags.FULL_REFRESH or '' in bases or bases | unique | list | length > 1 -%}
        {{ return(none) }}
    {%- endif -%}
    {%- for model in built -%}
        {%- if states[model].definition != build_definition() or not adapter.get_relation(none, this.schema, model) -%}
            {{ return(none) }}
        {%- endif -%}
    {%- endfor -%}
    {%- for model in compared if states[model].built_by != invocation_id -%}
        {{ return(none) }}
    {%- endfor -%}
    {%- set orders = run_query('select count(*) from ' ~ built_mart('fct_orders')).rows[0][0] -%}
    {{ return(bases[0] if orders >= number_var('incremental_from_orders', 0, 1000000000, 50000) | int else none) }}
    {%- endif -%}
{% endmacro %}

{#- Whether this invocation changes the table, `this` or another model's, only where the source has changed. -#}
{% macro is_partial(name=none) %}
    {%- if not execute -%}
        {{ return('') }}
    {%- else -%}
    {%- set states = build_states() -%}
    {%- set changes = states.get('int_orders_changed', {}) -%}
    {%- set table = built_mart(name or this.identifier) -%}
    {%- set state = states.get(table.identifier, {}) -%}
    {{ return(
        not flags.FULL_REFRESH and changes.get('built_by') == invocation_id
        and changes.get('base') is not none and changes.get('base') == state.get('previous')
        and state.get('definition') == build_definition() and load_cached_relation(table) is not none
    ) }}
    {%- endif -%}
{% endmacro %}

{#- A mart as the build before left it: int_orders_changed comes before the marts that it compares with the source. -#}
{% macro built_mart(name) %}
    {{ return(api.Relation.create(schema=target.schema, identifier=name)) }}
{% endmacro %}

{#- Hook: of which tables this invocation has run all tests, and none failed. -#}
{% macro end_build_state(results) %}
    {%- if execute and flags.WHICH in ['build', 'retry'] -%}
        {%- set passed = [] -%}
        {%- for result in results if result.status == 'pass' or is_only_warning(result.node) -%}
            {%- do passed.append(result.node.unique_id) -%}
        {%- endfor -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.get('changed_by') -%}
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

{#- A test that cannot fail reads all rows in every build, so that no warning is lost. -#}
{% macro is_only_warning(test) %}
    {{ return(test.config.severity | lower == 'warn') }}
{% endmacro %}

{#- A digest of an invocation and the tests of the project as they are now, with the macros that they use. -#}
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

{#-
    What a test reads of a model: in a partial build only the rows that were replaced, if the build before passed all
    tests of the others. Uniqueness needs no more: the keys of these tables are enforced.
-#}
{% macro rows_to_test(relation) %}
    {%- if not execute or config.get('severity') | lower == 'warn' or not is_partial(relation.identifier) -%}
        {{ return(relation) }}
    {%- endif -%}
    {%- set state = build_states()[relation.identifier] -%}
    {%- if state.built_by != invocation_id or state.tested != tested_mark(state.previous) -%}
        {{ return(relation) }}
    {%- endif -%}
    {%- set node_config = graph.nodes['model.' ~ project_name ~ '.' ~ relation.identifier].config -%}
    {%- set by = [] -%}
    {%- for column in node_config.changed_by -%}
        {%- do by.append('replaced.' ~ column ~ ' = changed.' ~ column) -%}
    {%- endfor -%}
    {{ return(
        '(select replaced.* from ' ~ built_mart(node_config.changed_in) ~ ' as changed inner join ' ~ relation
        ~ ' as replaced on ' ~ by | join(' and ') ~ ') as rows_to_test'
    ) }}
{% endmacro %}

{#- What generic tests read. -#}
{% macro mariadb__get_where_subquery(relation) -%}
    {%- set rows = rows_to_test(relation) -%}
    {%- set where = config.get('where') -%}
    {{ return('(select * from ' ~ rows ~ ' where ' ~ where ~ ') as dbt_subquery' if where else rows) }}
{%- endmacro %}
