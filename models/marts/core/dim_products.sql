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

-- Purchases are sorted by product. Lines without a known buyer are no purchases, but one range of their mart.
sales as (

    select
        product_id,
        count(*) as count_customers,
        sum(count_orders) as count_orders,
        sum(quantity) as total_units,
        sum(amount) as total_revenue,
        min(first_purchased_at) as first_sold_at,
        max(last_purchased_at) as last_sold_at
    from purchases
    group by product_id

    union all

    select
        product_id,
        0 as count_customers,
        sum(is_known_order) as count_orders,
        sum(quantity) as total_units,
        coalesce(sum(line_total), 0) as total_revenue,
        min(placed_at) as first_sold_at,
        max(placed_at) as last_sold_at
    from order_lines
    where customer_id = {{ var('unknown_member') }}
    group by product_id

),

product_sales as (

    select
        product_id,
        cast(sum(count_customers) as signed) as count_customers,
        cast(sum(count_orders) as signed) as count_orders,
        cast(sum(total_units) as signed) as total_units,
        sum(total_revenue) as total_revenue,
        min(first_sold_at) as first_sold_at,
        max(last_sold_at) as last_sold_at
    from sales
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
        coalesce(product_sales.count_customers, 0) as count_customers,
        coalesce(product_sales.total_units, 0) as total_units
    from products
    left join product_sales on products.product_id = product_sales.product_id

)

select * from final
