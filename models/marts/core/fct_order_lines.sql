with

order_lines as (

    select * from {{ ref('int_order_lines_summed') }}

),

orders as (

    select * from {{ ref('int_orders_matched_to_customers') }}

),

products as (

    select * from {{ ref('stg_pos__product') }}

),

prices as (

    select * from {{ ref('int_product_prices_ranged') }}

),

-- A line of an unknown order has the newest price, a line of an order without a date the oldest.
dated as (

    select
        order_lines.*,
        orders.placed_at,
        coalesce(orders.customer_id, {{ var('unknown_member') }}) as customer_id,
        orders.order_id is not null as is_known_order,
        coalesce(
            orders.placed_at,
            case when orders.order_id is null then cast('9999-12-30' as datetime(6)) end,
            cast('1000-01-01' as datetime(6))
        ) as priced_at
    from order_lines
    left join orders on order_lines.order_id = orders.order_id

),

final as (

    select
        dated.customer_id,
        dated.line_number,
        dated.quantity,
        prices.unit_price,
        cast(dated.quantity * prices.unit_price as decimal(19, 4)) as line_total,
        dated.placed_at,
        dated.is_known_order,
        dated.count_source_rows,
        coalesce(dated.order_id, {{ var('unknown_member') }}) as order_id,
        coalesce(dated.product_id, {{ var('unknown_member') }}) as product_id,
        coalesce(products.product_name, prices.product_name) as product_name,
        products.product_id is not null as is_known_product
    from dated
    left join products on dated.product_id = products.product_id
    left join prices
        on
            dated.product_id = prices.product_id
            and dated.priced_at >= prices.valid_from
            and dated.priced_at < prices.valid_to

)

select * from final
