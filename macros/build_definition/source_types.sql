{% macro source_types() %}
    {%- set schemas = [] -%}
    {%- for source in graph.sources.values() if source.unique_id in fact_nodes() -%}
        {%- do schemas.append(source.schema) -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- for schema in schemas | unique | sort -%}
        {%- for row in run_query(
            "select lower(table_name), lower(column_name), column_type from information_schema.columns where table_schema = '"
            ~ schema ~ "' order by 1, 2, 3"
        ).rows -%}
            {%- do found.append(row.values() | join(' ')) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
