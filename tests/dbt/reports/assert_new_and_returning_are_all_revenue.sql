{#- The revenue of a month = that of new, returning and unknown customers. Every customer is new once. -#}
with

counted as (

    select
        placed_month,
        0 as new_customers,
        revenue
    from {{ ref('rpt_revenue_monthly') }}

    union all

    select
        date_format(first_ordered_at, '%Y-%m') as placed_month,
        1 as new_customers,
        0 as revenue
    from {{ ref('dim_customers') }}
    where first_ordered_at is not null

    union all

    select
        placed_month,
        -count_new_customers as new_customers,
        -(new_revenue + returning_revenue + unknown_revenue) as revenue
    from {{ ref('rpt_new_returning_monthly') }}

),

final as (

    select
        placed_month,
        sum(new_customers) as missing_new_customers,
        sum(revenue) as missing_revenue
    from counted
    group by placed_month
    having
        sum(new_customers) <> 0
        or sum(revenue) <> 0

)

select * from final
