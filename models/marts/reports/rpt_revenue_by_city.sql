with

customers as (

    select * from {{ ref('dim_customers') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

order_totals as (

    select * from {{ ref('fct_order_totals') }}

),

buyer_orders as (

    select
        customer_id,
        count(*) as count_orders
    from orders
    group by customer_id

),

buyer_totals as (

    select
        customer_id,
        sum(total_units) as total_units,
        sum(returned_units) as returned_units,
        sum(revenue) as revenue,
        sum(returned_amount) as returned_amount
    from order_totals
    group by customer_id

),

buyers as (

    select customer_id
    from customers

    union all

    select {{ var('unknown_member') }} as customer_id

),

places as (

    select
        buyer_orders.count_orders,
        buyer_totals.total_units,
        buyer_totals.returned_units,
        buyer_totals.revenue,
        buyer_totals.returned_amount,
        customers.customer_id is not null as customers,
        coalesce(customers.city, 'Unknown') collate utf8mb4_bin as city,
        coalesce(customers.state, 'Unknown') collate utf8mb4_bin as state
    from buyers
    left join customers on buyers.customer_id = customers.customer_id
    left join buyer_orders on buyers.customer_id = buyer_orders.customer_id
    left join buyer_totals on buyers.customer_id = buyer_totals.customer_id

),

cities as (

    select
        city,
        state,
        cast(sum(customers) as signed) as count_customers,
        cast(sum(customers * (count_orders is not null)) as signed) as count_buyers,
        cast(coalesce(sum(count_orders), 0) as signed) as count_orders,
        cast(coalesce(sum(total_units), 0) as signed) as total_units,
        cast(coalesce(sum(returned_units), 0) as signed) as returned_units,
        cast(coalesce(sum(revenue), 0) as decimal(19, 4)) as revenue,
        cast(coalesce(sum(returned_amount), 0) as decimal(19, 4)) as returned_amount
    from places
    group by city, state

),

totals as (

    select sum(revenue) as all_revenue
    from order_totals

),

final as (

    select
        cities.city,
        cities.state,
        cities.count_customers,
        cities.count_buyers,
        cities.count_orders,
        cities.total_units,
        cities.returned_units,
        cities.revenue,
        cities.returned_amount,
        {{ share('cities.revenue', 'totals.all_revenue') }} as revenue_share,
        rank() over (order by cities.revenue desc) as revenue_rank
    from cities
    cross join totals

)

select * from final
