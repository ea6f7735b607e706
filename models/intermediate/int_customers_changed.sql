with

orders as (

    select * from {{ ref('int_orders_changed') }}

),

customers as (

    select * from {{ ref('int_customers_located') }}

),

final as (

    select customer_id
    from orders

    union distinct

    select built_customer_id as customer_id
    from orders

    union distinct

    select customer_id
    from customers
    where is_changed

)

select * from final
