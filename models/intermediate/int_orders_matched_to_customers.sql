with

orders as (

    select * from {{ ref('stg_pos__order') }}

),

customers as (

    select * from {{ ref('int_customers_located') }}

),

final as (

    select
        coalesce(customers.customer_id, {{ var('unknown_member') }}) as customer_id,
        orders.order_id,
        orders.placed_at,
        orders.shipped_at
    from orders
    left join customers on orders.customer_id = customers.customer_id

)

select * from final
