{#- Lines, units and money: all lines = all orders + lines of unknown orders, for every order. -#}
with

orders as (

    select * from {{ ref('fct_orders') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

wrong_totals as (

    select
        orders.customer_id,
        orders.order_id
    from orders
    left join order_lines
        on
            orders.customer_id = order_lines.customer_id
            and orders.order_id = order_lines.order_id
    group by orders.customer_id, orders.order_id
    having
        max(orders.count_lines) <> count(order_lines.order_id)
        or max(orders.total_units) <> coalesce(sum(order_lines.quantity), 0)
        or max(orders.order_total) <> coalesce(sum(order_lines.line_total), 0)

),

stray_lines as (

    select
        order_lines.customer_id,
        order_lines.order_id
    from order_lines
    left join orders
        on
            order_lines.customer_id = orders.customer_id
            and order_lines.order_id = orders.order_id
    where
        order_lines.is_known_order
        and orders.order_id is null

),

final as (

    select
        customer_id,
        order_id
    from wrong_totals

    union all

    select
        customer_id,
        order_id
    from stray_lines

)

select * from final
