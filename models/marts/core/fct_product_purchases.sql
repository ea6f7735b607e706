with

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

purchases as (

    select
        product_id,
        customer_id,
        cast(sum(quantity) as signed) as quantity,
        cast(coalesce(sum(line_total), 0) as decimal(19, 4)) as amount,
        count(distinct order_id) as count_orders,
        min(placed_at) as first_purchased_at,
        max(placed_at) as last_purchased_at
    from order_lines
    where is_known_product
    group by product_id, customer_id

),

final as (

    select
        purchases.product_id,
        purchases.customer_id,
        customers.first_name,
        customers.last_name,
        customers.city,
        customers.state,
        purchases.count_orders,
        purchases.quantity,
        purchases.amount,
        purchases.first_purchased_at,
        purchases.last_purchased_at
    from purchases
    inner join customers on purchases.customer_id = customers.customer_id

)

select * from final
