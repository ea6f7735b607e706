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
