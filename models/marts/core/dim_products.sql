with

products as (

    select * from {{ ref('stg_pos__product') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

purchases as (

    select * from {{ ref('fct_product_purchases') }}

),

buyers as (

    select
        product_id,
        count(*) as count_customers
    from purchases
    group by product_id

),

product_sales as (

    select
        product_id,
        cast(sum(is_known_order) as signed) as count_orders,
        cast(sum(quantity) as signed) as total_units,
        sum(line_total) as total_revenue,
        min(placed_at) as first_sold_at,
        max(placed_at) as last_sold_at
    from order_lines
    group by product_id

),

final as (

    select
        products.product_id,
        products.product_name,
        products.current_price,
        products.available_quantity,
        cast(coalesce(product_sales.total_revenue, 0) as decimal(19, 4)) as total_revenue,
        product_sales.first_sold_at,
        product_sales.last_sold_at,
        coalesce(product_sales.count_orders, 0) as count_orders,
        coalesce(buyers.count_customers, 0) as count_customers,
        coalesce(product_sales.total_units, 0) as total_units
    from products
    left join buyers on products.product_id = buyers.product_id
    left join product_sales on products.product_id = product_sales.product_id

)

select * from final
