{% macro rows_with_values(test, node, rows, values, limit) %}
    {%- set wanted, same = [], [] -%}
    {%- for name, column in values.items() -%}
        {%- do wanted.append(adapter.quote(name)) -%}
        {%- do same.append('tested.' ~ adapter.quote(column) ~ ' <=> failing.' ~ adapter.quote(name)) -%}
    {%- endfor -%}
    {%- set where = test.config.where -%}
    {%- set tested = '(select * from ' ~ node.relation_name ~ ' where ' ~ where ~ ')' if where else node.relation_name -%}
    {{ return(
        '(select tested.* from (select distinct ' ~ wanted | join(', ') ~ ' from ' ~ rows ~ ' as found limit ' ~ limit
        ~ ') as failing inner join ' ~ tested ~ ' as tested on ' ~ same | join(' and ') ~ ' limit ' ~ limit ~ ')'
    ) }}
{% endmacro %}
