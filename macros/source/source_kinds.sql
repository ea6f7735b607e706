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
