with

orders as (

    select * from {{ ref('int_orders_matched_to_customers') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

order_totals as (

    select
        customer_id,
        order_id,
        cast(sum(quantity) as signed) as total_units,
        count(*) as count_lines,
        sum(line_total) as order_total
    from order_lines
    group by customer_id, order_id

),

final as (

    select
        orders.customer_id,
        orders.order_id,
        orders.placed_at,
        orders.shipped_at,
        cast(coalesce(order_totals.order_total, 0) as decimal(19, 4)) as order_total,
        orders.shipped_at is not null as is_shipped,
        coalesce(order_totals.count_lines, 0) as count_lines,
        coalesce(order_totals.total_units, 0) as total_units
    from orders
    left join order_totals
        on
            orders.customer_id = order_totals.customer_id
            and orders.order_id = order_totals.order_id

)

select * from final
