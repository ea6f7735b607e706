{#- For another customer: --vars '{customer_id: 42}'. -#}
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
        purchases.quantity,
        purchases.amount,
        products.current_price,
        products.available_quantity
    from purchases
    inner join products on purchases.product_id = products.product_id
    where purchases.customer_id = {{ var('customer_id', 1) }}

)

select * from final
order by product_id
