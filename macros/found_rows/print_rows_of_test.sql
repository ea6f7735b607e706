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
