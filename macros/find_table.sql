{#-
    The type of the table that MariaDB finds under a relation's name, such as BASE TABLE; none where it finds none. Names
    count without case where lower_case_table_names is 1 or 2. Other spellings that are there are added to `others`.
-#}
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
