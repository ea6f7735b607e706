{% macro is_shown(test, column, value, source_column) %}
    {%- set columns = declared_columns() -%}
    {%- set name = column_key(column) -%}
    {%- set source = column_key((source_column or '') | replace('"', '')) -%}
    {%- if var('show_personal_values', false) is true or value == 'null' -%}
        {{ return(true) }}
    {%- elif columns.get(name) == 'personal' -%}
        {{ return(false) }}
    {%- elif name in columns or column in ['source_table', 'source_column', 'source_key'] -%}
        {{ return(true) }}
    {%- elif source -%}
        {{ return(columns.get(source) == 'plain') }}
    {%- endif -%}
    {{ return(modules.re.match('-?[0-9.]+$', value) is not none or column in (test.config.meta or {}).get('shown', [])) }}
{% endmacro %}
