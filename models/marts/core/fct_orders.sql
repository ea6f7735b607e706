-- depends_on: {{ ref('int_orders_changed') }}
with

orders as (

    select * from {{ ref('int_orders_matched_to_customers') }}

),

order_totals as (

    select * from {{ ref('fct_order_totals') }}

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
    left join order_totals
        on
            orders.customer_id = order_totals.customer_id
            and orders.order_id = order_totals.order_id
    {%- if is_partial() %}
    where orders.order_id in (select changes.order_id from {{ ref('int_orders_changed') }} as changes)
    {%- endif %}

)

select * from final
