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

-- A line of an unknown order has today's price, a line of an order without a date the earliest one.
dated as (

    select
        order_lines.*,
        coalesce(orders.customer_id, {{ var('unknown_member') }}) as customer_id,
        orders.placed_at,
        coalesce(
            orders.placed_at,
            case
                when orders.order_id is null then cast('9999-12-30' as datetime(6))
                else cast('1000-01-01' as datetime(6))
            end
        ) as priced_at,
        orders.order_id is not null as is_known_order
    from order_lines
    left join orders on order_lines.order_id = orders.order_id

),

final as (

    select
        dated.customer_id,
        coalesce(dated.order_id, {{ var('unknown_member') }}) as order_id,
        coalesce(dated.product_id, {{ var('unknown_member') }}) as product_id,
        coalesce(products.product_name, prices.product_name) as product_name,
        dated.quantity,
        prices.unit_price,
        cast(dated.quantity * prices.unit_price as decimal(19, 4)) as line_total,
        dated.placed_at,
        dated.is_known_order,
        products.product_id is not null as is_known_product,
        dated.count_source_rows
    from dated
    left join products on dated.product_id = products.product_id
    left join prices
        on
            dated.product_id = prices.product_id
            and dated.priced_at >= prices.valid_from
            and dated.priced_at < prices.valid_to

)

select * from final
