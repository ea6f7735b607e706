with

purchases as (

    select * from {{ ref('fct_product_purchases') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

final as (

    select
        products.product_id,
        products.product_name,
        purchases.customer_id,
        purchases.first_name,
        purchases.last_name,
        purchases.quantity,
        purchases.amount
    from purchases
    inner join products on purchases.product_id = products.product_id

)

select * from final
order by product_id, customer_id
