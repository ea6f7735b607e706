{% macro mariadb_marts__test_relationships(model, column_name, to, field) %}

with

child as (

    select distinct {{ column_name }} as child_key
    from {{ model }}
    where {{ column_name }} is not null

),

parent as (

    select {{ field }} as parent_key
    from {{ to }}

),

final as (

    select child.child_key
    from child
    left join parent on child.child_key = parent.parent_key
    where parent.parent_key is null

)

select * from final

{% endmacro %}
