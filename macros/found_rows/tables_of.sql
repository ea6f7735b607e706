{% macro tables_of(test) %}
    {%- set names = [] -%}
    {%- for unique_id in test.depends_on.nodes -%}
        {%- do names.append(unique_id.split('.')[-1]) -%}
    {%- endfor -%}
    {{ return(names | join(', ')) }}
{% endmacro %}
