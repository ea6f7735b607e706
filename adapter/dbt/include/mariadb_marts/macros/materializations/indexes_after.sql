{% macro indexes_after() %}
    {%- set clauses = [] -%}
    {%- for index in config.get('indexes', []) -%}
        {%- do clauses.append(
            'add ' ~ ('unique ' if index.unique else '') ~ 'index (' ~ key_columns(index.columns) ~ ')'
        ) -%}
    {%- endfor -%}
    {{ return(clauses | join(', ')) }}
{% endmacro %}
