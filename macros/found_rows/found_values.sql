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
