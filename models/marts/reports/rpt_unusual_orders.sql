with

orders as (

    select * from {{ ref('fct_orders') }}

),

order_totals as (

    select * from {{ ref('fct_order_totals') }}

),

-- Few orders are unusual, so this step finds them before the join. An order without lines is never unusual.
unusual as (

    select
        customer_id,
        order_id,
        largest_quantity,
        coalesce(revenue > {{ number_var('unusual_order_total', 0, 100000000000000) }}, false)
            as has_unusual_total,
        largest_quantity > {{ number_var('unusual_quantity', 0, 1000000000000) }} as has_unusual_quantity
    from order_totals

),

final as (

    select
        orders.order_id,
        orders.customer_id,
        orders.placed_at,
        orders.shipped_at,
        orders.order_total,
        orders.total_units,
        unusual.largest_quantity,
        unusual.has_unusual_total,
        unusual.has_unusual_quantity
    from unusual
    inner join orders
        on
            unusual.customer_id = orders.customer_id
            and unusual.order_id = orders.order_id
    where unusual.has_unusual_total or unusual.has_unusual_quantity

)

select * from final
