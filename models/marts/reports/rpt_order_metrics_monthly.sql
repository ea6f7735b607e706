with

months as (

    select * from {{ ref('rpt_revenue_monthly') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

timed_orders as (

    select
        *,
        datediff(shipped_at, placed_at) as days_to_ship
    from orders

),

monthly_orders as (

    select
        extract(year_month from placed_at) as placed_number,
        count(*) as count_orders,
        cast(sum(customer_id = {{ var('unknown_member') }}) as signed) as count_orders_without_customer,
        cast(sum(count_lines = 0) as signed) as count_orders_without_lines,
        cast(sum(not is_shipped) as signed) as count_unshipped_orders,
        sum(total_units) as total_units,
        sum(order_total) as revenue,
        sum(case when days_to_ship >= 0 then days_to_ship end) as sum_days_to_ship,
        count(case when days_to_ship >= 0 then 1 end) as count_timed_orders
    from timed_orders
    where placed_at is not null
    group by extract(year_month from placed_at)

),

final as (

    select
        months.placed_month,
        coalesce(monthly_orders.count_orders, 0) as count_orders,
        coalesce(monthly_orders.count_orders_without_customer, 0) as count_orders_without_customer,
        coalesce(monthly_orders.count_orders_without_lines, 0) as count_orders_without_lines,
        coalesce(monthly_orders.count_unshipped_orders, 0) as count_unshipped_orders,
        {{ ratio('monthly_orders.revenue', 'monthly_orders.count_orders', 4) }} as average_order_value,
        {{ ratio('monthly_orders.total_units', 'monthly_orders.count_orders') }} as units_per_order,
        {{ ratio('monthly_orders.sum_days_to_ship', 'monthly_orders.count_timed_orders') }}
            as average_days_to_ship,
        {{ ratio('monthly_orders.count_unshipped_orders', 'monthly_orders.count_orders') }} as unshipped_share
    from months
    left join monthly_orders on months.placed_month = {{ month_text('monthly_orders.placed_number') }}

)

select * from final
