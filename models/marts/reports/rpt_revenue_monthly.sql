with

days as (

    select * from {{ ref('rpt_revenue_daily') }}

),

months as (

    select
        cast(sum(count_orders) as signed) as count_orders,
        cast(sum(total_units) as signed) as total_units,
        cast(sum(returned_units) as signed) as returned_units,
        cast(sum(revenue) as decimal(19, 4)) as revenue,
        cast(sum(returned_amount) as decimal(19, 4)) as returned_amount,
        date_format(placed_on, '%Y-%m') as placed_month,
        count(*) = dayofmonth(last_day(min(placed_on))) as is_complete
    from days
    group by date_format(placed_on, '%Y-%m')

),

-- An incomplete month is not compared with others, nor others with it.
comparable as (

    select
        *,
        case when is_complete then revenue end as comparable_revenue
    from months

),

compared as (

    select
        *,
        lag(comparable_revenue) over (order by placed_month) as revenue_month_before,
        lag(comparable_revenue, 12) over (order by placed_month) as revenue_year_before
    from comparable

),

final as (

    select
        placed_month,
        is_complete,
        count_orders,
        total_units,
        returned_units,
        revenue,
        returned_amount,
        {{ relative_change('comparable_revenue', 'revenue_month_before') }} as month_over_month_change,
        {{ relative_change('comparable_revenue', 'revenue_year_before') }} as year_over_year_change
    from compared

)

select * from final
