{#- A product of a pair is in as many orders as the report says; the pair is in no more than either. -#}
with

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

pairs as (

    select * from {{ ref('rpt_product_pairs') }}

),

paired_products as (

    select product_id
    from pairs

    union distinct

    select paired_product_id as product_id
    from pairs

),

product_orders as (

    select
        order_lines.product_id,
        count(*) as count_orders
    from order_lines
    inner join paired_products on order_lines.product_id = paired_products.product_id
    where order_lines.quantity > 0 and order_lines.is_known_order
    group by order_lines.product_id

),

final as (

    select
        pairs.product_id,
        pairs.paired_product_id,
        pairs.count_orders
    from pairs
    left join product_orders on pairs.product_id = product_orders.product_id
    left join product_orders as paired_orders on pairs.paired_product_id = paired_orders.product_id
    where
        not pairs.count_product_orders <=> product_orders.count_orders
        or not pairs.count_paired_product_orders <=> paired_orders.count_orders
        or pairs.count_orders > least(product_orders.count_orders, paired_orders.count_orders)

)

select * from final
