{#- Dated orders of known customers = those of all cohorts; a cohort's first month has all its customers. -#}
with

counted as (

    select
        'orders' as measured,
        0 as customers,
        1 as count_orders,
        order_total as revenue
    from {{ ref('fct_orders') }}
    where placed_at is not null and customer_id <> {{ var('unknown_member') }}

    union all

    select
        'orders' as measured,
        -0 as customers,
        -count_orders as count_orders,
        -revenue as revenue
    from {{ ref('rpt_cohort_retention') }}

    union all

    select
        'cohort size' as measured,
        1 as customers,
        0 as count_orders,
        0 as revenue
    from {{ ref('dim_customers') }}
    where first_ordered_at is not null

    union all

    select
        'cohort size' as measured,
        -cohort_size as customers,
        -0 as count_orders,
        -0 as revenue
    from {{ ref('rpt_cohort_retention') }}
    where months_since_first_order = 0

    union all

    select
        'active at first' as measured,
        1 as customers,
        0 as count_orders,
        0 as revenue
    from {{ ref('dim_customers') }}
    where first_ordered_at is not null

    union all

    select
        'active at first' as measured,
        -count_customers as customers,
        -0 as count_orders,
        -0 as revenue
    from {{ ref('rpt_cohort_retention') }}
    where months_since_first_order = 0

),

final as (

    select
        measured,
        sum(customers) as missing_customers,
        sum(count_orders) as missing_count_orders,
        sum(revenue) as missing_revenue
    from counted
    group by measured
    having
        sum(customers) <> 0
        or sum(count_orders) <> 0
        or sum(revenue) <> 0

)

select * from final
