with

orders as (

    select * from {{ ref('fct_orders') }}

),

order_totals as (

    select * from {{ ref('int_order_lines_totaled') }}

),

measured as (

    select
        orders.order_id,
        orders.customer_id,
        orders.placed_at,
        orders.shipped_at,
        orders.order_total,
        orders.total_units,
        coalesce(order_totals.largest_quantity, 0) as largest_quantity,
        orders.order_total > {{ number_var('unusual_order_total', 0, 100000000000000) }} as has_unusual_total,
        coalesce(order_totals.largest_quantity, 0) > {{ number_var('unusual_quantity', 0, 1000000000000) }}
            as has_unusual_quantity
    from orders
    left join order_totals
        on
            orders.customer_id = order_totals.customer_id
            and orders.order_id = order_totals.order_id

),

final as (

    select *
    from measured
    where has_unusual_total or has_unusual_quantity

)

select * from final
