{#- All sales and customers = those of all cities (states), 'Unknown' included. -#}
with

counted as (

    select
        'rpt_revenue_by_city' as report,
        0 as count_customers,
        1 as count_orders,
        0 as units,
        0 as revenue,
        0 as returned_units,
        0 as returned_amount
    from {{ ref('fct_orders') }}

    union all

    select
        'rpt_revenue_by_city' as report,
        0 as count_customers,
        0 as count_orders,
        quantity as units,
        coalesce(line_total, 0) as revenue,
        greatest(-quantity, 0) as returned_units,
        case when quantity < 0 then coalesce(-line_total, 0) else 0 end as returned_amount
    from {{ ref('fct_order_lines') }}

    union all

    select
        'rpt_revenue_by_city' as report,
        1 as count_customers,
        0 as count_orders,
        0 as units,
        0 as revenue,
        0 as returned_units,
        0 as returned_amount
    from {{ ref('dim_customers') }}

    union all

    select
        'rpt_revenue_by_city' as report,
        -count_customers as count_customers,
        -count_orders as count_orders,
        -total_units as units,
        -revenue as revenue,
        -returned_units as returned_units,
        -returned_amount as returned_amount
    from {{ ref('rpt_revenue_by_city') }}

    union all

    select
        'rpt_revenue_by_state' as report,
        0 as count_customers,
        1 as count_orders,
        0 as units,
        0 as revenue,
        0 as returned_units,
        0 as returned_amount
    from {{ ref('fct_orders') }}

    union all

    select
        'rpt_revenue_by_state' as report,
        0 as count_customers,
        0 as count_orders,
        quantity as units,
        coalesce(line_total, 0) as revenue,
        greatest(-quantity, 0) as returned_units,
        case when quantity < 0 then coalesce(-line_total, 0) else 0 end as returned_amount
    from {{ ref('fct_order_lines') }}

    union all

    select
        'rpt_revenue_by_state' as report,
        1 as count_customers,
        0 as count_orders,
        0 as units,
        0 as revenue,
        0 as returned_units,
        0 as returned_amount
    from {{ ref('dim_customers') }}

    union all

    select
        'rpt_revenue_by_state' as report,
        -count_customers as count_customers,
        -count_orders as count_orders,
        -total_units as units,
        -revenue as revenue,
        -returned_units as returned_units,
        -returned_amount as returned_amount
    from {{ ref('rpt_revenue_by_state') }}

),

final as (

    select
        report,
        sum(count_customers) as missing_count_customers,
        sum(count_orders) as missing_count_orders,
        sum(units) as missing_units,
        sum(revenue) as missing_revenue,
        sum(returned_units) as missing_returned_units,
        sum(returned_amount) as missing_returned_amount
    from counted
    group by report
    having
        sum(count_customers) <> 0
        or sum(count_orders) <> 0
        or sum(units) <> 0
        or sum(revenue) <> 0
        or sum(returned_units) <> 0
        or sum(returned_amount) <> 0

)

select * from final
