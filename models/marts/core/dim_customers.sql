with

customers as (

    select * from {{ ref('int_customers_located') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

customer_orders as (

    select
        customer_id,
        cast(sum(total_units) as signed) as total_units,
        count(*) as count_orders,
        sum(order_total) as lifetime_revenue,
        min(placed_at) as first_ordered_at,
        max(placed_at) as last_ordered_at
    from orders
    group by customer_id

),

final as (

    select
        customers.customer_id,
        customers.first_name,
        customers.last_name,
        customers.email,
        customers.address1,
        customers.address2,
        customers.phone,
        customers.birthdate,
        customers.zip,
        customers.city,
        customers.state,
        cast(coalesce(customer_orders.lifetime_revenue, 0) as decimal(19, 4)) as lifetime_revenue,
        customer_orders.first_ordered_at,
        customer_orders.last_ordered_at,
        coalesce(customer_orders.count_orders, 0) as count_orders,
        coalesce(customer_orders.total_units, 0) as total_units
    from customers
    left join customer_orders on customers.customer_id = customer_orders.customer_id

)

select * from final
