{% macro find_table(relation, others) %}
    {%- set types = [] -%}
    {%- set found = run_query(
        'select table_name, table_type, @@lower_case_table_names > 0 as is_without_case from information_schema.tables '
        ~ "where table_schema = '" ~ relation.schema | replace("'", "''") ~ "' "
        ~ "and lower(table_name) = '" ~ relation.identifier | lower | replace("'", "''") ~ "'"
    ) -%}
    {%- for row in found.rows -%}
        {%- if row[0] == relation.identifier or row[2] | int -%}
            {%- do types.append(row[1]) -%}
        {%- else -%}
            {%- do others.append(row[0]) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return((types + [none])[0]) }}
{% endmacro %}
