{% macro described_columns(suffix, definition) %}
    {%- set relation = this.incorporate(path={'identifier': this.identifier ~ suffix}) -%}
    {%- do run_query('drop temporary table if exists ' ~ relation) -%}
    {%- do run_query("set statement sql_mode = '' for create temporary table " ~ relation ~ ' ' ~ definition) -%}
    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do columns.append({
            'key': column.name | lower, 'name': column.name, 'data_type': column.dtype,
            'formatted': column.name ~ ' ' ~ column.dtype
        }) -%}
    {%- endfor -%}
    {%- do run_query('drop temporary table ' ~ relation) -%}
    {{ return(columns) }}
{% endmacro %}
