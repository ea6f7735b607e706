with

cities as (

    select * from {{ ref('rpt_revenue_by_city') }}

),

states as (

    select
        state,
        cast(sum(count_customers) as signed) as count_customers,
        cast(sum(count_buyers) as signed) as count_buyers,
        cast(sum(count_orders) as signed) as count_orders,
        cast(sum(total_units) as signed) as total_units,
        cast(sum(returned_units) as signed) as returned_units,
        cast(sum(revenue) as decimal(19, 4)) as revenue,
        cast(sum(returned_amount) as decimal(19, 4)) as returned_amount
    from cities
    group by state

),

totals as (

    select sum(revenue) as all_revenue
    from states

),

final as (

    select
        states.state,
        states.count_customers,
        states.count_buyers,
        states.count_orders,
        states.total_units,
        states.returned_units,
        states.revenue,
        states.returned_amount,
        {{ share('states.revenue', 'totals.all_revenue') }} as revenue_share,
        rank() over (order by states.revenue desc) as revenue_rank
    from states
    cross join totals

)

select * from final
