{#- All sales = the sales of all days (weeks, months) + the undated ones. -#}
with

counted as (

    select
        'rpt_revenue_daily' as report,
        1 as count_orders,
        0 as units,
        0 as revenue,
        0 as returned_units,
        0 as returned_amount
    from {{ ref('fct_orders') }}

    union all

    select
        'rpt_revenue_daily' as report,
        0 as count_orders,
        quantity as units,
        coalesce(line_total, 0) as revenue,
        greatest(-quantity, 0) as returned_units,
        case when quantity < 0 then coalesce(-line_total, 0) else 0 end as returned_amount
    from {{ ref('fct_order_lines') }}

    union all

    select
        'rpt_revenue_daily' as report,
        -count_orders as count_orders,
        -total_units as units,
        -revenue as revenue,
        -returned_units as returned_units,
        -returned_amount as returned_amount
    from {{ ref('rpt_revenue_daily') }}

    union all

    select
        'rpt_revenue_daily' as report,
        -count_orders as count_orders,
        -total_units as units,
        -revenue as revenue,
        -returned_units as returned_units,
        -returned_amount as returned_amount
    from {{ ref('rpt_undated_sales') }}

    union all

    select
        'rpt_revenue_weekly' as report,
        1 as count_orders,
        0 as units,
        0 as revenue,
        0 as returned_units,
        0 as returned_amount
    from {{ ref('fct_orders') }}

    union all

    select
        'rpt_revenue_weekly' as report,
        0 as count_orders,
        quantity as units,
        coalesce(line_total, 0) as revenue,
        greatest(-quantity, 0) as returned_units,
        case when quantity < 0 then coalesce(-line_total, 0) else 0 end as returned_amount
    from {{ ref('fct_order_lines') }}

    union all

    select
        'rpt_revenue_weekly' as report,
        -count_orders as count_orders,
        -total_units as units,
        -revenue as revenue,
        -returned_units as returned_units,
        -returned_amount as returned_amount
    from {{ ref('rpt_revenue_weekly') }}

    union all

    select
        'rpt_revenue_weekly' as report,
        -count_orders as count_orders,
        -total_units as units,
        -revenue as revenue,
        -returned_units as returned_units,
        -returned_amount as returned_amount
    from {{ ref('rpt_undated_sales') }}

    union all

    select
        'rpt_revenue_monthly' as report,
        1 as count_orders,
        0 as units,
        0 as revenue,
        0 as returned_units,
        0 as returned_amount
    from {{ ref('fct_orders') }}

    union all

    select
        'rpt_revenue_monthly' as report,
        0 as count_orders,
        quantity as units,
        coalesce(line_total, 0) as revenue,
        greatest(-quantity, 0) as returned_units,
        case when quantity < 0 then coalesce(-line_total, 0) else 0 end as returned_amount
    from {{ ref('fct_order_lines') }}

    union all

    select
        'rpt_revenue_monthly' as report,
        -count_orders as count_orders,
        -total_units as units,
        -revenue as revenue,
        -returned_units as returned_units,
        -returned_amount as returned_amount
    from {{ ref('rpt_revenue_monthly') }}

    union all

    select
        'rpt_revenue_monthly' as report,
        -count_orders as count_orders,
        -total_units as units,
        -revenue as revenue,
        -returned_units as returned_units,
        -returned_amount as returned_amount
    from {{ ref('rpt_undated_sales') }}

),

final as (

    select
        report,
        sum(count_orders) as missing_count_orders,
        sum(units) as missing_units,
        sum(revenue) as missing_revenue,
        sum(returned_units) as missing_returned_units,
        sum(returned_amount) as missing_returned_amount
    from counted
    group by report
    having
        sum(count_orders) <> 0
        or sum(units) <> 0
        or sum(revenue) <> 0
        or sum(returned_units) <> 0
        or sum(returned_amount) <> 0

)

select * from final
