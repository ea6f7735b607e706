{#- The report has the stock of every product, and the units sold in the window up to the last day. -#}
with

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

last_day as (

    select max(placed_at) as last_placed_at
    from {{ ref('fct_orders') }}

),

counted as (

    select
        product_id,
        1 as products,
        coalesce(available_quantity, 0) as stock,
        0 as units
    from {{ ref('dim_products') }}

    union all

    select
        order_lines.product_id,
        0 as products,
        0 as stock,
        order_lines.quantity as units
    from order_lines
    cross join last_day
    where
        order_lines.is_known_product
        and datediff(last_day.last_placed_at, order_lines.placed_at) < {{ var('inventory_window_days') }}

    union all

    select
        product_id,
        -1 as products,
        -cast(coalesce(available_quantity, 0) as decimal(20, 0)) as stock,
        -window_units as units
    from {{ ref('rpt_inventory') }}

),

final as (

    select
        product_id,
        sum(products) as missing_products,
        sum(stock) as missing_stock,
        sum(units) as missing_units
    from counted
    group by product_id
    having
        sum(products) <> 0
        or sum(stock) <> 0
        or sum(units) <> 0

)

select * from final
