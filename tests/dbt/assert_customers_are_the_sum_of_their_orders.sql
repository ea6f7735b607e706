{#- All orders = all customers + orders of the unknown member: orders, units, money, for every customer. -#}
with

customers as (

    select * from {{ ref('dim_customers') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

wrong_totals as (

    select customers.customer_id
    from customers
    left join orders on customers.customer_id = orders.customer_id
    group by customers.customer_id
    having
        max(customers.count_orders) <> count(orders.order_id)
        or max(customers.total_units) <> coalesce(sum(orders.total_units), 0)
        or max(customers.lifetime_revenue) <> coalesce(sum(orders.order_total), 0)

),

stray_orders as (

    select orders.customer_id
    from orders
    left join customers on orders.customer_id = customers.customer_id
    where
        orders.customer_id <> {{ var('unknown_member') }}
        and customers.customer_id is null

),

final as (

    select customer_id
    from wrong_totals

    union all

    select customer_id
    from stray_orders

)

select * from final
