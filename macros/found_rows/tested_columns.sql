{% macro tested_columns(test) %}
    {%- set arguments = test.test_metadata.kwargs if test.test_metadata else {} -%}
    {%- set columns = [arguments.column_name] if arguments.get('column_name') else arguments.get('columns') -%}
    {%- set found = [] -%}
    {%- for column in (columns if columns is sequence and columns is not string else []) -%}
        {%- do found.append(column | replace('`', '')) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
