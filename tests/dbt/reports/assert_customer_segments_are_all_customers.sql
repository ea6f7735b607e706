{#- Every customer has one row, with the sums of all the customer's orders. -#}
with

counted as (

    select
        customer_id,
        1 as customers,
        0 as count_orders,
        0 as units,
        0 as revenue
    from {{ ref('dim_customers') }}

    union all

    select
        customer_id,
        0 as customers,
        count(*) as count_orders,
        sum(total_units) as units,
        sum(order_total) as revenue
    from {{ ref('fct_orders') }}
    where customer_id <> {{ var('unknown_member') }}
    group by customer_id

    union all

    select
        customer_id,
        -1 as customers,
        -count_orders as count_orders,
        -total_units as units,
        -lifetime_revenue as revenue
    from {{ ref('rpt_customer_segments') }}

),

final as (

    select
        customer_id,
        sum(customers) as missing_customers,
        sum(count_orders) as missing_count_orders,
        sum(units) as missing_units,
        sum(revenue) as missing_revenue
    from counted
    group by customer_id
    having
        sum(customers) <> 0
        or sum(count_orders) <> 0
        or sum(units) <> 0
        or sum(revenue) <> 0

)

select * from final
