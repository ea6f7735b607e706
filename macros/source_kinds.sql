{#-
    The kind of each column of a POS table, looked up at run time: integer, unsigned, decimal, date, datetime, timestamp or text.
    A typed column then stays a plain (indexed) column, and only text pays for cleaning. The keys are the names as
    pos_columns spells them, however the source does.
    Before the table exists (parsing, linting) every column counts as text.
-#}
{% macro source_kinds(name) %}
    {%- set relation = pos_table(name) -%}
    {%- set kinds = {} -%}
    {%- if execute and has_source_table(relation) -%}
        {%- set found = {} -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do found.update({column.name | lower: column_kind(column.dtype | lower)}) -%}
        {%- endfor -%}
        {%- for column in pos_columns()[name] -%}
            {%- if column | lower not in found -%}
                {{ exceptions.raise_compiler_error(
                    "the source table " ~ relation ~ " has no column '" ~ column ~ "', or none that this user may read; "
                    ~ "its columns are " ~ found | join(', ')
                ) }}
            {%- endif -%}
            {%- do kinds.update({column: found[column | lower]}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(kinds) }}
{% endmacro %}

{#- Whether a POS table is there; one that is missing from the schema that the var pos_schema names is an error. -#}
{% macro has_source_table(relation) %}
    {%- set others = [] -%}
    {%- set type = find_table(relation, others) -%}
    {%- if type in ['BASE TABLE', 'SYSTEM VERSIONED', 'VIEW'] -%}
        {{ return(true) }}
    {%- elif not var('pos_schema') -%}
        {{ return(false) }}
    {%- elif type -%}
        {{ exceptions.raise_compiler_error(
            "the source table " ~ relation ~ " is a " ~ type ~ ", which holds no rows to read; the project needs a table or "
            ~ "a view of that name"
        ) }}
    {%- elif others -%}
        {{ exceptions.raise_compiler_error(
            "the var pos_schema is '" ~ var('pos_schema') ~ "', but there is no table '" ~ relation.identifier
            ~ "' in that schema, only " ~ others | join(', ') ~ ", and this server tells names apart by case "
            ~ "(lower_case_table_names is 0); add a view: create view " ~ relation ~ " as select * from "
            ~ adapter.quote(relation.schema) ~ "." ~ adapter.quote(others[0])
        ) }}
    {%- endif -%}
    {{ exceptions.raise_compiler_error(
        "the var pos_schema is '" ~ var('pos_schema') ~ "', but there is no table '" ~ relation.identifier
        ~ "' in that schema that this user may read; import the POS tables there, or leave pos_schema empty to build the "
        ~ "sample data"
    ) }}
{% endmacro %}
