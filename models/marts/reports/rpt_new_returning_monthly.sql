with

months as (

    select * from {{ ref('rpt_revenue_monthly') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

placed as (

    select
        orders.customer_id,
        orders.order_total,
        date_format(orders.placed_at, '%Y-%m') collate utf8mb4_bin as placed_month,
        case
            when customers.customer_id is null then 'unknown'
            when
                date_format(orders.placed_at, '%Y-%m') = date_format(customers.first_ordered_at, '%Y-%m')
                then 'new'
            else 'returning'
        end as customer_type
    from orders
    left join customers on orders.customer_id = customers.customer_id
    where orders.placed_at is not null

),

monthly as (

    select
        placed_month,
        count(distinct case when customer_type = 'new' then customer_id end) as count_new_customers,
        count(distinct case when customer_type = 'returning' then customer_id end)
            as count_returning_customers,
        sum(case when customer_type = 'new' then order_total end) as new_revenue,
        sum(case when customer_type = 'returning' then order_total end) as returning_revenue,
        sum(case when customer_type = 'unknown' then order_total end) as unknown_revenue
    from placed
    group by placed_month

),

final as (

    select
        months.placed_month,
        coalesce(monthly.count_new_customers, 0) as count_new_customers,
        coalesce(monthly.count_returning_customers, 0) as count_returning_customers,
        cast(coalesce(monthly.new_revenue, 0) as decimal(19, 4)) as new_revenue,
        cast(coalesce(monthly.returning_revenue, 0) as decimal(19, 4)) as returning_revenue,
        cast(coalesce(monthly.unknown_revenue, 0) as decimal(19, 4)) as unknown_revenue,
        {{ ratio(
            'monthly.count_returning_customers',
            '(monthly.count_new_customers + monthly.count_returning_customers)',
        ) }} as returning_share
    from months
    left join monthly on months.placed_month = monthly.placed_month

)

select * from final
