-- depends_on: {{ ref('int_orders_changed') }}, {{ ref('int_purchases_changed') }}
with

source_lines as (

    select * from {{ ref('stg_pos__orderline') }}

),

orders as (

    select * from {{ ref('int_orders_matched_to_customers') }}

),

prices as (

    select * from {{ ref('int_product_prices_ranged') }}

),

{%- if is_partial() %}

changed_orders as (

    select * from {{ ref('int_orders_changed') }}

),

order_lines as (

    select source_lines.*
    from changed_orders
    inner join source_lines on changed_orders.order_id = source_lines.order_id

    union all

    select *
    from source_lines
    where order_id is null

),

{%- else %}

order_lines as (

    select * from source_lines

),

{%- endif %}

summed as (

    select
        order_id,
        product_id,
        cast(sum(quantity) as signed) as quantity,
        count(*) as count_source_rows
    from order_lines
    group by order_id, product_id

),

-- A line of an unknown order has the newest price, a line of an order without a date has the oldest.
dated as (

    select
        summed.product_id,
        summed.quantity,
        summed.count_source_rows,
        orders.placed_at,
        coalesce(orders.customer_id, {{ var('unknown_member') }}) as customer_id,
        coalesce(summed.order_id, {{ var('unknown_member') }}) as order_id,
        orders.order_id is not null as is_known_order,
        coalesce(
            orders.placed_at,
            case when orders.order_id is null then cast('9999-12-30' as datetime(6)) end,
            cast('1000-01-01' as datetime(6))
        ) as priced_at
    from summed
    left join orders on summed.order_id = orders.order_id

),

-- Sorts the rows by the mart's key, so InnoDB appends rows instead of splitting pages.
numbered as (

    select
        *,
        row_number() over (
            partition by customer_id, order_id
            order by product_id
        ) as line_number
    from dated

),

final as (

    select
        numbered.customer_id,
        numbered.order_id,
        numbered.line_number,
        numbered.quantity,
        prices.product_name,
        prices.unit_price,
        cast(numbered.quantity * prices.unit_price as decimal(19, 4)) as line_total,
        numbered.placed_at,
        numbered.is_known_order,
        numbered.count_source_rows,
        coalesce(numbered.product_id, {{ var('unknown_member') }}) as product_id,
        coalesce(prices.is_known_product, false) as is_known_product
    from numbered
    left join prices
        on
            numbered.product_id = prices.product_id
            and numbered.priced_at >= prices.valid_from
            and numbered.priced_at < prices.valid_to

)

select * from final
