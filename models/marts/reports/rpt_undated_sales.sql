with

orders as (

    select * from {{ ref('fct_orders') }}

),

order_totals as (

    select * from {{ ref('fct_order_totals') }}

),

reasons as (

    select
        'order without a date' as reason,
        true as is_known_order

    union all

    select
        'unknown order' as reason,
        false as is_known_order

),

undated_orders as (

    select
        true as is_known_order,
        count(*) as count_orders
    from orders
    where placed_at is null

),

undated_lines as (

    select
        is_known_order,
        cast(sum(total_units) as signed) as total_units,
        cast(sum(returned_units) as signed) as returned_units,
        cast(sum(count_lines) as signed) as count_lines,
        sum(revenue) as revenue,
        sum(returned_amount) as returned_amount
    from order_totals
    where placed_at is null
    group by is_known_order

),

final as (

    select
        reasons.reason,
        cast(coalesce(undated_lines.revenue, 0) as decimal(19, 4)) as revenue,
        cast(coalesce(undated_lines.returned_amount, 0) as decimal(19, 4)) as returned_amount,
        coalesce(undated_orders.count_orders, 0) as count_orders,
        coalesce(undated_lines.count_lines, 0) as count_lines,
        coalesce(undated_lines.total_units, 0) as total_units,
        coalesce(undated_lines.returned_units, 0) as returned_units
    from reasons
    left join undated_orders on reasons.is_known_order = undated_orders.is_known_order
    left join undated_lines on reasons.is_known_order = undated_lines.is_known_order

)

select * from final
