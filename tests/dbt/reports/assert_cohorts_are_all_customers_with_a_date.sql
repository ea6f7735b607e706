{#- Cohorts have all dated orders of known customers. A cohort's first month has all its customers. -#}
with

order_sums as (

    select
        count(*) as count_orders,
        coalesce(sum(order_total), 0) as revenue
    from {{ ref('fct_orders') }}
    where placed_at is not null and customer_id <> {{ var('unknown_member') }}

),

customer_sums as (

    select count(*) as count_customers
    from {{ ref('dim_customers') }}
    where first_ordered_at is not null

),

cohort_sums as (

    select
        coalesce(sum(count_orders), 0) as count_orders,
        coalesce(sum(revenue), 0) as revenue,
        coalesce(sum(case when months_since_first_order = 0 then cohort_size end), 0) as count_customers,
        coalesce(sum(case when months_since_first_order = 0 then count_customers end), 0)
            as count_first_customers
    from {{ ref('rpt_cohort_retention') }}

),

final as (

    select
        order_sums.count_orders - cohort_sums.count_orders as missing_count_orders,
        order_sums.revenue - cohort_sums.revenue as missing_revenue,
        customer_sums.count_customers - cohort_sums.count_customers as missing_customers,
        customer_sums.count_customers - cohort_sums.count_first_customers as missing_first_customers
    from order_sums
    cross join customer_sums
    cross join cohort_sums
    where
        order_sums.count_orders <> cohort_sums.count_orders
        or order_sums.revenue <> cohort_sums.revenue
        or customer_sums.count_customers <> cohort_sums.count_customers
        or customer_sums.count_customers <> cohort_sums.count_first_customers

)

select * from final
