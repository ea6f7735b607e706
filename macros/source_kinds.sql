{#-
    The kind of each column of a POS table, looked up at run time: integer, unsigned, decimal, date, datetime, timestamp or text.
    A typed column then stays a plain (indexed) column, and only text pays for cleaning.
    Before the table exists (parsing, linting) every column counts as text.
-#}
{% macro source_kinds(name) %}
    {%- set relation = pos_table(name) -%}
    {%- set kinds = {} -%}
    {%- set existing = adapter.get_relation(none, relation.schema, relation.identifier) if execute -%}
    {%- if existing -%}
        {%- for column in adapter.get_columns_in_relation(existing) -%}
            {%- do kinds.update({column.name: column_kind(column.dtype | lower)}) -%}
        {%- endfor -%}
    {%- elif execute and var('pos_schema') -%}
        {{ exceptions.raise_compiler_error(
            "the var pos_schema is '" ~ var('pos_schema') ~ "', but there is no table '" ~ relation.identifier
            ~ "' in that schema; import the POS tables there, or leave pos_schema empty to build the sample data"
        ) }}
    {%- endif -%}
    {{ return(kinds) }}
{% endmacro %}
