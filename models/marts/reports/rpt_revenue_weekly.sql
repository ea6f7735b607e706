with

days as (

    select * from {{ ref('rpt_revenue_daily') }}

),

weeks as (

    select
        cast(sum(count_orders) as signed) as count_orders,
        cast(sum(total_units) as signed) as total_units,
        cast(sum(returned_units) as signed) as returned_units,
        cast(sum(revenue) as decimal(19, 4)) as revenue,
        cast(sum(returned_amount) as decimal(19, 4)) as returned_amount,
        date_sub(placed_on, interval weekday(placed_on) day) as week_start_date,
        count(*) = 7 as is_complete
    from days
    group by date_sub(placed_on, interval weekday(placed_on) day)

),

-- An incomplete week is not compared with others, nor others with it.
comparable as (

    select
        *,
        case when is_complete then revenue end as comparable_revenue
    from weeks

),

compared as (

    select
        *,
        lag(comparable_revenue) over (order by week_start_date) as revenue_week_before,
        lag(comparable_revenue, 52) over (order by week_start_date) as revenue_year_before
    from comparable

),

final as (

    select
        week_start_date,
        is_complete,
        count_orders,
        total_units,
        returned_units,
        revenue,
        returned_amount,
        {{ relative_change('comparable_revenue', 'revenue_week_before') }} as week_over_week_change,
        {{ relative_change('comparable_revenue', 'revenue_year_before') }} as year_over_year_change
    from compared

)

select * from final
