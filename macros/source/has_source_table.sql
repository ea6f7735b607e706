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
