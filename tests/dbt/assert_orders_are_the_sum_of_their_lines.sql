{#- All lines = all orders + lines of unknown orders: lines, units and money, for every order. -#}
with

all_lines as (

    select * from {{ ref('fct_order_lines') }}

),

all_totals as (

    select * from {{ ref('fct_order_totals') }}

),

all_orders as (

    select * from {{ ref('fct_orders') }}

),

orders as (

    select * from {{ rows_to_test(ref('fct_orders')) }}

),

order_totals as (

    select * from {{ rows_to_test(ref('fct_order_totals')) }}

),

order_lines as (

    select * from {{ rows_to_test(ref('fct_order_lines')) }}

),

wrong_totals as (

    select
        order_totals.customer_id,
        order_totals.order_id
    from order_totals
    left join all_lines as lines_of_order
        on
            order_totals.customer_id = lines_of_order.customer_id
            and order_totals.order_id = lines_of_order.order_id
    group by order_totals.customer_id, order_totals.order_id
    having
        max(order_totals.count_lines) <> count(lines_of_order.order_id)
        or max(order_totals.total_units) <> sum(lines_of_order.quantity)
        or max(order_totals.returned_units) <> sum(greatest(-lines_of_order.quantity, 0))
        or max(order_totals.largest_quantity) <> max(lines_of_order.quantity)
        or not max(order_totals.revenue) <=> sum(lines_of_order.line_total)
        or not max(order_totals.returned_amount)
        <=> sum(case when lines_of_order.quantity < 0 then -lines_of_order.line_total end)
        or not max(order_totals.placed_at) <=> max(lines_of_order.placed_at)

),

wrong_orders as (

    select
        orders.customer_id,
        orders.order_id
    from orders
    left join all_totals as totals_of_order
        on
            orders.customer_id = totals_of_order.customer_id
            and orders.order_id = totals_of_order.order_id
    where
        orders.count_lines <> coalesce(totals_of_order.count_lines, 0)
        or orders.total_units <> coalesce(totals_of_order.total_units, 0)
        or orders.order_total <> coalesce(totals_of_order.revenue, 0)

),

stray_lines as (

    select
        order_lines.customer_id,
        order_lines.order_id
    from order_lines
    left join all_totals as totals_of_line
        on
            order_lines.customer_id = totals_of_line.customer_id
            and order_lines.order_id = totals_of_line.order_id
    where totals_of_line.order_id is null

),

stray_totals as (

    select
        order_totals.customer_id,
        order_totals.order_id
    from order_totals
    left join all_orders as order_of_totals
        on
            order_totals.customer_id = order_of_totals.customer_id
            and order_totals.order_id = order_of_totals.order_id
    where order_totals.is_known_order and order_of_totals.order_id is null

),

final as (

    select *
    from wrong_totals

    union all

    select *
    from wrong_orders

    union all

    select *
    from stray_lines

    union all

    select *
    from stray_totals

)

select * from final
