{% test relationship_or_unknown(model, column_name, to, field) %}

with

child as (

    select {{ column_name }} as child_key
    from {{ model }}

),

parent as (

    select {{ field }} as parent_key
    from {{ to }}

),

final as (

    select child.child_key
    from child
    left join parent on child.child_key = parent.parent_key
    where
        parent.parent_key is null
        and child.child_key <> {{ var('unknown_member') }}

)

select * from final

{% endtest %}
