with

orders as (

    select * from {{ ref('fct_orders') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

largest_lines as (

    select
        customer_id,
        order_id,
        max(quantity) as largest_quantity
    from order_lines
    group by customer_id, order_id

),

measured as (

    select
        orders.order_id,
        orders.customer_id,
        orders.placed_at,
        orders.shipped_at,
        orders.order_total,
        orders.total_units,
        coalesce(largest_lines.largest_quantity, 0) as largest_quantity,
        orders.order_total > {{ number_var('unusual_order_total', 0, 100000000000000) }} as has_unusual_total,
        coalesce(largest_lines.largest_quantity, 0) > {{ number_var('unusual_quantity', 0, 1000000000000) }}
            as has_unusual_quantity
    from orders
    left join largest_lines
        on
            orders.customer_id = largest_lines.customer_id
            and orders.order_id = largest_lines.order_id

),

final as (

    select *
    from measured
    where has_unusual_total or has_unusual_quantity

)

select * from final
