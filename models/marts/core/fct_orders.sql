with

orders as (

    select * from {{ ref('int_orders_matched_to_customers') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

changed_orders as (

    select * from {{ ref('int_orders_changed') }}

),

wanted_orders as (

    select orders.*
    from orders
    {%- if is_partial() %}
    inner join changed_orders on orders.order_id = changed_orders.order_id
    {%- endif %}

),

order_totals as (

    select
        order_lines.customer_id,
        order_lines.order_id,
        cast(sum(order_lines.quantity) as signed) as total_units,
        count(*) as count_lines,
        sum(order_lines.line_total) as order_total
    from order_lines
    {%- if is_partial() %}
    inner join changed_orders
        on
            order_lines.customer_id = changed_orders.customer_id
            and order_lines.order_id = changed_orders.order_id
    {%- endif %}
    group by order_lines.customer_id, order_lines.order_id

),

final as (

    select
        wanted_orders.customer_id,
        wanted_orders.order_id,
        wanted_orders.placed_at,
        wanted_orders.shipped_at,
        cast(coalesce(order_totals.order_total, 0) as decimal(19, 4)) as order_total,
        wanted_orders.shipped_at is not null as is_shipped,
        coalesce(order_totals.count_lines, 0) as count_lines,
        coalesce(order_totals.total_units, 0) as total_units
    from wanted_orders
    left join order_totals
        on
            wanted_orders.customer_id = order_totals.customer_id
            and wanted_orders.order_id = order_totals.order_id

)

select * from final
