with

orders as (

    select * from {{ ref('int_orders_matched_to_customers') }}

),

order_totals as (

    select * from {{ ref('int_order_lines_totaled') }}

),

changed_orders as (

    select * from {{ ref('int_orders_changed') }}

),

final as (

    select
        orders.customer_id,
        orders.order_id,
        orders.placed_at,
        orders.shipped_at,
        coalesce(order_totals.revenue, 0) as order_total,
        orders.shipped_at is not null as is_shipped,
        coalesce(order_totals.count_lines, 0) as count_lines,
        coalesce(order_totals.total_units, 0) as total_units
    from orders
    {%- if is_partial() %}
    inner join changed_orders on orders.order_id = changed_orders.order_id
    {%- endif %}
    left join order_totals
        on
            orders.customer_id = order_totals.customer_id
            and orders.order_id = order_totals.order_id

)

select * from final
