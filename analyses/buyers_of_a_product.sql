{#- For another product: --vars '{product_id: 42}'. -#}
with

product_purchases as (

    select * from {{ ref('fct_product_purchases') }}

),

final as (

    select
        customer_id,
        first_name,
        last_name,
        city,
        state,
        count_orders,
        quantity,
        amount,
        last_purchased_at
    from product_purchases
    where product_id = {{ var('product_id', 1) }}

)

select * from final
order by customer_id
