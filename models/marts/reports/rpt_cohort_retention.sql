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

cohorts as (

    select
        date_format(first_ordered_at, '%Y-%m') collate utf8mb4_bin as cohort_month,
        count(*) as cohort_size
    from customers
    where first_ordered_at is not null
    group by date_format(first_ordered_at, '%Y-%m')

),

activity_numbered as (

    select
        extract(year_month from customers.first_ordered_at) as cohort_number,
        extract(year_month from orders.placed_at) as placed_number,
        count(distinct orders.customer_id) as count_customers,
        count(*) as count_orders,
        sum(orders.order_total) as revenue
    from orders
    inner join customers on orders.customer_id = customers.customer_id
    where orders.placed_at is not null
    group by extract(year_month from customers.first_ordered_at), extract(year_month from orders.placed_at)

),

activity as (

    select
        {{ month_text('cohort_number') }} as cohort_month,
        {{ month_text('placed_number') }} as placed_month,
        count_customers,
        count_orders,
        revenue
    from activity_numbered

),

final as (

    select
        cohorts.cohort_month,
        cohorts.cohort_size,
        period_diff(
            replace(months.placed_month, '-', ''), replace(cohorts.cohort_month, '-', '')
        ) as months_since_first_order,
        coalesce(activity.count_customers, 0) as count_customers,
        coalesce(activity.count_orders, 0) as count_orders,
        cast(coalesce(activity.revenue, 0) as decimal(19, 4)) as revenue,
        {{ ratio('coalesce(activity.count_customers, 0)', 'cohorts.cohort_size') }} as retention_rate
    from cohorts
    inner join months on cohorts.cohort_month <= months.placed_month
    left join activity
        on
            cohorts.cohort_month = activity.cohort_month
            and months.placed_month = activity.placed_month

)

select * from final
