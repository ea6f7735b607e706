{% macro materialization_macro(materialized) %}
    {%- set found = [] -%}
    {%- for adapter_name in [adapter.type(), 'mariadb', 'default'] -%}
        {%- set name = 'materialization_' ~ materialized ~ '_' ~ adapter_name -%}
        {%- if context.get(name) -%}
            {%- do found.append(context[name].macro.unique_id) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return((found + [''])[0]) }}
{% endmacro %}
