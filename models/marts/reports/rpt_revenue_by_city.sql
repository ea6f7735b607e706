with

customers as (

    select * from {{ ref('dim_customers') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

buyers as (

    select
        customer_id,
        city,
        state,
        1 as customers
    from customers

    union all

    select
        {{ var('unknown_member') }} as customer_id,
        null as city,
        null as state,
        0 as customers

),

buyer_orders as (

    select
        customer_id,
        count(*) as count_orders
    from orders
    group by customer_id

),

buyer_lines as (

    select
        customer_id,
        sum(quantity) as total_units,
        sum(greatest(-quantity, 0)) as returned_units,
        sum(line_total) as revenue,
        sum(case when quantity < 0 then -line_total end) as returned_amount
    from order_lines
    group by customer_id

),

places as (

    select
        buyers.customers,
        buyer_orders.count_orders,
        buyer_lines.total_units,
        buyer_lines.returned_units,
        buyer_lines.revenue,
        buyer_lines.returned_amount,
        coalesce(buyers.city, 'Unknown') collate utf8mb4_bin as city,
        coalesce(buyers.state, 'Unknown') collate utf8mb4_bin as state
    from buyers
    left join buyer_orders on buyers.customer_id = buyer_orders.customer_id
    left join buyer_lines on buyers.customer_id = buyer_lines.customer_id

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

    select sum(line_total) as all_revenue
    from order_lines

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
        {{ ratio('cities.revenue', 'totals.all_revenue') }} as revenue_share,
        rank() over (order by cities.revenue desc) as revenue_rank
    from cities
    cross join totals

)

select * from final
