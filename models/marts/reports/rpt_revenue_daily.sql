with

orders as (

    select * from {{ ref('fct_orders') }}

),

order_totals as (

    select * from {{ ref('fct_order_totals') }}

),

period as (

    select
        cast(min(placed_at) as date) as first_day,
        datediff(max(placed_at), min(placed_at)) as last_day_number
    from orders

),

-- One number for every day that MariaDB knows.
calendar as (

    select cast(timestampadd(day, day_numbers.seq, period.first_day) as date) as placed_on
    from period
    inner join {{ numbers_to(3652424) }} as day_numbers on period.last_day_number >= day_numbers.seq

),

daily_orders as (

    select
        cast(placed_at as date) as placed_on,
        count(*) as count_orders
    from orders
    group by cast(placed_at as date)

),

daily_lines as (

    select
        cast(placed_at as date) as placed_on,
        cast(sum(total_units) as signed) as total_units,
        cast(sum(returned_units) as signed) as returned_units,
        sum(revenue) as revenue,
        sum(returned_amount) as returned_amount
    from order_totals
    group by cast(placed_at as date)

),

days as (

    select
        calendar.placed_on,
        cast(coalesce(daily_lines.revenue, 0) as decimal(19, 4)) as revenue,
        cast(coalesce(daily_lines.returned_amount, 0) as decimal(19, 4)) as returned_amount,
        coalesce(daily_orders.count_orders, 0) as count_orders,
        coalesce(daily_lines.total_units, 0) as total_units,
        coalesce(daily_lines.returned_units, 0) as returned_units
    from calendar
    left join daily_orders on calendar.placed_on = daily_orders.placed_on
    left join daily_lines on calendar.placed_on = daily_lines.placed_on

),

compared as (

    select
        *,
        row_number() over (order by placed_on) as day_number,
        lag(revenue, 7) over (order by placed_on) as revenue_week_before,
        lag(revenue, 364) over (order by placed_on) as revenue_year_before,
        sum(revenue) over (
            order by placed_on
            rows between 6 preceding and current row
        ) as revenue_7_days,
        sum(revenue) over (
            order by placed_on
            rows between 27 preceding and current row
        ) as revenue_28_days
    from days

),

final as (

    select
        placed_on,
        count_orders,
        total_units,
        returned_units,
        revenue,
        returned_amount,
        case when day_number >= 7 then {{ ratio('revenue_7_days', 7, 4) }} end as revenue_7_day_average,
        case when day_number >= 28 then {{ ratio('revenue_28_days', 28, 4) }} end as revenue_28_day_average,
        {{ relative_change('revenue', 'revenue_week_before') }} as week_over_week_change,
        {{ relative_change('revenue', 'revenue_year_before') }} as year_over_year_change
    from compared

)

select * from final
