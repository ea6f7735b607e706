with

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

order_totals as (

    select * from {{ ref('fct_order_totals') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

purchases as (

    select
        customer_id,
        order_id,
        product_id
    from order_lines
    where quantity > 0 and is_known_order and is_known_product

),

baskets as (

    select count(*) as count_baskets
    from order_totals
    where is_known_order and count_bought_products > 0

),

-- Few lines are not purchases, such as returns. A product was bought in all its orders less these.
other_lines as (

    select
        order_lines.product_id,
        count(*) as count_orders
    from order_totals
    inner join order_lines
        on
            order_totals.customer_id = order_lines.customer_id
            and order_totals.order_id = order_lines.order_id
    where
        order_totals.is_known_order
        and order_totals.count_bought_products < order_totals.count_lines
        and order_lines.quantity <= 0
    group by order_lines.product_id

),

top_products as (

    select
        products.product_id,
        products.count_orders - coalesce(other_lines.count_orders, 0) as count_orders
    from products
    left join other_lines on products.product_id = other_lines.product_id
    order by count_orders desc, products.product_id asc
    limit {{ number_var('pairs_top_products', 2, 2000) }}

),

-- Computed once per side of the join, sorted, and joined by key.
top_purchases as (

    select distinct
        purchases.customer_id,
        purchases.order_id,
        purchases.product_id,
        top_products.count_orders
    from purchases
    inner join top_products on purchases.product_id = top_products.product_id

),

pairs as (

    select
        top_purchases.product_id,
        paired_purchases.product_id as paired_product_id,
        max(top_purchases.count_orders) as count_product_orders,
        max(paired_purchases.count_orders) as count_paired_product_orders,
        count(*) as count_orders
    from top_purchases
    inner join top_purchases as paired_purchases
        on
            top_purchases.customer_id = paired_purchases.customer_id
            and top_purchases.order_id = paired_purchases.order_id
            and top_purchases.product_id < paired_purchases.product_id
    group by top_purchases.product_id, paired_purchases.product_id
    having count(*) >= {{ number_var('pairs_minimum_orders', 1, 1000000000) }}

),

final as (

    select
        pairs.product_id,
        pairs.paired_product_id,
        products.product_name,
        paired_products.product_name as paired_product_name,
        pairs.count_orders,
        pairs.count_product_orders,
        pairs.count_paired_product_orders,
        {{ ratio('pairs.count_orders', 'baskets.count_baskets') }} as support,
        {{ ratio('pairs.count_orders', 'pairs.count_product_orders') }} as confidence,
        {{ ratio('pairs.count_orders', 'pairs.count_paired_product_orders') }} as reverse_confidence,
        {{ ratio(
            'pairs.count_orders * baskets.count_baskets',
            '(pairs.count_product_orders * pairs.count_paired_product_orders)',
        ) }} as lift
    from pairs
    cross join baskets
    inner join products on pairs.product_id = products.product_id
    inner join products as paired_products on pairs.paired_product_id = paired_products.product_id

)

select * from final
