with

orders as (

    select * from {{ ref('fct_orders') }}

),

final as (

    select
        order_id,
        placed_at,
        shipped_at,
        order_total
    from orders

)

select * from final
order by order_id
