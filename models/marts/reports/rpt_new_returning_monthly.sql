with

months as (

    select * from {{ ref('rpt_revenue_monthly') }}

),

cohorts as (

    select * from {{ ref('rpt_cohort_retention') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

-- A customer is new in the first month of the cohort, and returning in any other.
cohort_months as (

    select
        sum(case when months_since_first_order = 0 then count_customers else 0 end) as count_new_customers,
        sum(case when months_since_first_order > 0 then count_customers else 0 end)
            as count_returning_customers,
        sum(case when months_since_first_order = 0 then revenue end) as new_revenue,
        sum(case when months_since_first_order > 0 then revenue end) as returning_revenue,
        date_format(
            timestampadd(month, months_since_first_order, concat(cohort_month, '-01')), '%Y-%m'
        ) collate utf8mb4_bin as placed_month
    from cohorts
    group by placed_month

),

unknown_months as (

    select
        date_format(placed_at, '%Y-%m') collate utf8mb4_bin as placed_month,
        sum(order_total) as unknown_revenue
    from orders
    where customer_id = {{ var('unknown_member') }}
    group by date_format(placed_at, '%Y-%m')

),

final as (

    select
        months.placed_month,
        cast(coalesce(cohort_months.count_new_customers, 0) as signed) as count_new_customers,
        cast(coalesce(cohort_months.count_returning_customers, 0) as signed) as count_returning_customers,
        cast(coalesce(cohort_months.new_revenue, 0) as decimal(19, 4)) as new_revenue,
        cast(coalesce(cohort_months.returning_revenue, 0) as decimal(19, 4)) as returning_revenue,
        cast(coalesce(unknown_months.unknown_revenue, 0) as decimal(19, 4)) as unknown_revenue,
        {{ ratio(
            'cohort_months.count_returning_customers',
            '(cohort_months.count_new_customers + cohort_months.count_returning_customers)',
        ) }} as returning_share
    from months
    left join cohort_months on months.placed_month = cohort_months.placed_month
    left join unknown_months on months.placed_month = unknown_months.placed_month

)

select * from final
