{#-
    Hook: after `dbt build` and `dbt test`, the first rows that each failing or warning test found: test, table, key and
    column always, a value unless its column is personal (meta.personal). See docs/tests.md.
-#}
{% macro print_found_rows(results) %}
    {%- if execute and flags.WHICH in ['build', 'test', 'retry'] -%}
        {%- set limit = number_var('failing_rows_shown', 0, 1000, 5) | int -%}
        {%- set found = [] -%}
        {%- for result in results if result.node.resource_type == 'test' and result.status in ['fail', 'warn'] -%}
            {%- do found.append(result) -%}
        {%- endfor -%}
        {%- if found and limit -%}
            {%- do log('', info=true) -%}
            {%- do log('Rows that tests found, up to ' ~ limit ~ ' of each (docs/tests.md):', info=true) -%}
            {%- for result in found -%}
                {%- do print_rows_of_test(result, limit) -%}
            {%- endfor -%}
            {%- do log('', info=true) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{% macro print_rows_of_test(result, limit) %}
    {%- set test = result.node -%}
    {%- set count = result.failures | int -%}
    {%- do log((result.status | string | upper) ~ ' ' ~ count ~ ' ' ~ test.name, info=true) -%}
    {%- set found = found_rows(test, limit) -%}
    {%- for row in found.rows -%}
        {%- set parts = [] -%}
        {%- for name in found.names -%}
            {%- set label = found.labels.get(name, name) -%}
            {%- set value = row[loop.index0] or 'null' -%}
            {%- if label == 'way_out' -%}
                {%- do parts.append('way_out: ' ~ fromjson(value)) -%}
            {%- elif is_shown(test, label, value, row[found.names.index('source_column')] if 'source_column' in found.names) -%}
                {%- do parts.append(label ~ '=' ~ (value if value | length < 60 else value[:56] ~ '...')) -%}
            {%- else -%}
                {%- do parts.append(label ~ '=(hidden)') -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do print_wrapped(found.table ~ ':', parts) -%}
    {%- endfor -%}
    {%- if not found.rows -%}
        {%- do log('  ' ~ found.table ~ ': the rows are gone since the test ran', info=true) -%}
    {%- elif count > found.rows | length -%}
        {%- do log('  and more: ' ~ count ~ ' in all', info=true) -%}
    {%- endif -%}
{% endmacro %}

{#- A row in lines of up to 70 characters, as dbt writes the time before each. -#}
{% macro print_wrapped(head, parts) %}
    {%- set state = {'line': '  ' ~ head} -%}
    {%- for part in parts -%}
        {%- set part = part ~ (',' if not loop.last else '') -%}
        {%- if (state.line ~ ' ' ~ part) | length > 70 and state.line | trim -%}
            {%- do log(state.line, info=true) -%}
            {%- do state.update({'line': '   '}) -%}
        {%- endif -%}
        {%- do state.update({'line': state.line ~ ' ' ~ part}) -%}
    {%- endfor -%}
    {%- do log(state.line, info=true) -%}
{% endmacro %}

{#-
    The rows of a test, as `names` of columns, `labels` of those that the test names otherwise, `table`, and `rows` of JSON
    literals. Where the test's rows lack the key of the table, rows of the table with the values found are shown instead.
-#}
{% macro found_rows(test, limit) %}
    {%- set node = tested_node(test) -%}
    {%- set key = key_of(node) if node else [] -%}
    {%- set rows = test.relation_name if test.should_store_failures else '(\n' ~ test.compiled_code ~ '\n)' -%}
    {%- set names = run_query('select * from ' ~ rows ~ ' as found limit 0').column_names | list -%}
    {%- set values = found_values(test, names) -%}
    {%- set lacking = key | reject('in', names + values.values() | list) | list or not key -%}
    {%- if node and values and lacking -%}
        {%- set shown = (key or node.columns | list) + values.values() | list -%}
        {%- set rows = rows_with_values(test, node, rows, values, limit) -%}
        {%- set values = {} -%}
    {%- elif key and (values or names | length > 6) -%}
        {%- set of_test = names | reject('in', node.columns | list) | list -%}
        {%- set shown = names | select('in', key + values.keys() | list + of_test) | list or names -%}
    {%- else -%}
        {%- set shown = names -%}
    {%- endif -%}
    {%- set shown = shown | unique | list -%}
    {%- set literals = [] -%}
    {%- for name in shown -%}
        {%- do literals.append('json_array(' ~ adapter.quote(name) ~ ') as ' ~ adapter.quote(name)) -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- for row in run_query(
        'select ' ~ literals | join(', ') ~ ' from ' ~ rows ~ ' as found limit ' ~ limit
    ).rows -%}
        {%- set cells = [] -%}
        {%- for literal in row.values() -%}
            {%- do cells.append((literal or '[null]')[1:-1]) -%}
        {%- endfor -%}
        {%- do found.append(cells) -%}
    {%- endfor -%}
    {{ return({'names': shown, 'labels': values, 'rows': found, 'table': node.name if node else tables_of(test)}) }}
{% endmacro %}

{#- Rows of the tested table that hold the values that the test found, as a subquery. -#}
{% macro rows_with_values(test, node, rows, values, limit) %}
    {%- set wanted, same = [], [] -%}
    {%- for name, column in values.items() -%}
        {%- do wanted.append(adapter.quote(name)) -%}
        {%- do same.append('tested.' ~ adapter.quote(column) ~ ' <=> failing.' ~ adapter.quote(name)) -%}
    {%- endfor -%}
    {%- set where = test.config.where -%}
    {%- set tested = '(select * from ' ~ node.relation_name ~ ' where ' ~ where ~ ')' if where else node.relation_name -%}
    {{ return(
        '(select tested.* from (select distinct ' ~ wanted | join(', ') ~ ' from ' ~ rows ~ ' as found limit ' ~ limit
        ~ ') as failing inner join ' ~ tested ~ ' as tested on ' ~ same | join(' and ') ~ ' limit ' ~ limit ~ ')'
    ) }}
{% endmacro %}

{#- Columns of a generic test's rows that hold values of tested columns, by name; dbt's own tests name them otherwise. -#}
{% macro found_values(test, names) %}
    {%- set found = {} -%}
    {%- set columns = tested_columns(test) -%}
    {%- for column in columns if column in names -%}
        {%- do found.update({column: column}) -%}
    {%- endfor -%}
    {%- if columns | length == 1 and not found and names[0] in ['unique_field', 'value_field', 'from_field', 'child_key'] -%}
        {%- do found.update({names[0]: columns[0]}) -%}
    {%- endif -%}
    {{ return(found if found | length == columns | length else {}) }}
{% endmacro %}

{#- The columns that a generic test is about. -#}
{% macro tested_columns(test) %}
    {%- set arguments = test.test_metadata.kwargs if test.test_metadata else {} -%}
    {%- set columns = [arguments.column_name] if arguments.get('column_name') else arguments.get('columns') -%}
    {%- set found = [] -%}
    {%- for column in (columns if columns is sequence and columns is not string else []) -%}
        {%- do found.append(column | replace('`', '')) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{#- The model, snapshot, seed or source that a generic test is declared for; none for a singular test. -#}
{% macro tested_node(test) %}
    {%- set found = [] -%}
    {%- if test.test_metadata -%}
        {%- for unique_id in ([test.attached_node] if test.attached_node else test.depends_on.nodes) -%}
            {%- do found.append(graph.nodes.get(unique_id) or graph.sources.get(unique_id)) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return((found | select | list + [none])[0]) }}
{% endmacro %}

{#- The tables that a singular test reads. -#}
{% macro tables_of(test) %}
    {%- set names = [] -%}
    {%- for unique_id in test.depends_on.nodes -%}
        {%- do names.append(unique_id.split('.')[-1]) -%}
    {%- endfor -%}
    {{ return(names | join(', ')) }}
{% endmacro %}

{#- The columns that tell a table's rows apart: its config primary_key, or what is tested to be unique, rather not personal. -#}
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

{#-
    Whether a value may be printed: not if any model or source declares a column of this name as personal. A text in a
    column that none declares may hold anything, so it is printed only if the test's meta.shown names its column.
-#}
{% macro is_shown(test, column, value, source_column) %}
    {%- set columns = declared_columns() -%}
    {%- set name = column_key(column) -%}
    {%- set source = column_key((source_column or '') | replace('"', '')) -%}
    {%- if var('show_personal_values', false) is true or value == 'null' -%}
        {{ return(true) }}
    {%- elif columns.get(name) == 'personal' -%}
        {{ return(false) }}
    {%- elif name in columns or column in ['source_table', 'source_column', 'source_key'] -%}
        {{ return(true) }}
    {%- elif source -%}
        {{ return(columns.get(source) == 'plain') }}
    {%- endif -%}
    {{ return(modules.re.match('-?[0-9.]+$', value) is not none or column in (test.config.meta or {}).get('shown', [])) }}
{% endmacro %}

{#- Every column that a model, snapshot, seed or source declares: 'personal' if one of them says so, else 'plain'. -#}
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

{#- firstName and first_name are one name. -#}
{% macro column_key(name) %}
    {{ return(name | lower | replace('_', '') | replace('`', '')) }}
{% endmacro %}
