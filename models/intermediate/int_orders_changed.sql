{% set base = incremental_base() -%}
-- depends_on: {{ ref('stg_pos__orderline') }}, {{ ref('int_product_prices_ranged') }}

with

orders as (

    select * from {{ ref('int_orders_matched_to_customers') }}

),

{%- if base %}

order_lines as (

    select * from {{ ref('stg_pos__orderline') }}

),

prices as (

    select * from {{ ref('int_product_prices_ranged') }}

),

built_orders as (

    select * from {{ built_mart('fct_orders') }}

),

built_lines as (

    select * from {{ built_mart('fct_order_lines') }}

),

recent as (

    select
        built_orders.order_id,
        built_orders.customer_id
    from built_orders
    where
        built_orders.placed_at is null
        or built_orders.placed_at >= (
            select least(max(dated.placed_at), max(states.built_at))
            from {{ built_mart('fct_orders') }} as dated
            cross join {{ build_state_table() }} as states
            where states.model = 'fct_order_lines'
        ) - interval {{ number_var('lookback_days', 0, 36500, 30) }} day

),

recent_lines as (

    select
        order_lines.order_id,
        order_lines.product_id,
        order_lines.quantity,
        1 as count_source_rows
    from recent
    inner join order_lines on recent.order_id = order_lines.order_id

    union all

    select
        built_lines.order_id,
        nullif(built_lines.product_id, {{ var('unknown_member') }}) as product_id,
        -built_lines.quantity as quantity,
        -built_lines.count_source_rows as count_source_rows
    from recent
    inner join built_lines on recent.customer_id = built_lines.customer_id and recent.order_id = built_lines.order_id

),

line_orders as (

    select distinct order_id
    from order_lines
    where order_id is not null

),

changed as (

    -- New orders.
    select orders.order_id
    from orders
    left join built_orders on orders.order_id = built_orders.order_id
    where built_orders.order_id is null

    union distinct

    -- Deleted orders, and orders whose customer or dates have changed.
    select built_orders.order_id
    from built_orders
    left join orders on built_orders.order_id = orders.order_id
    where
        not coalesce(built_orders.customer_id = orders.customer_id, false)
        or not (built_orders.placed_at <=> orders.placed_at and built_orders.shipped_at <=> orders.shipped_at)

    union distinct

    -- Orders in the look-back whose lines have changed.
    select order_id
    from recent_lines
    group by order_id, product_id
    having sum(quantity) <> 0 or sum(count_source_rows) <> 0

    union distinct

    -- Orders dated after the last build: a new price may apply to them.
    select built_orders.order_id
    from built_orders
    cross join {{ build_state_table() }} as states
    where states.model = 'fct_order_lines' and built_orders.placed_at >= states.built_at

    union distinct

    -- Orders with a product that is new, deleted, renamed or priced for the first time.
    select order_lines.order_id
    from prices
    inner join order_lines on prices.product_id = order_lines.product_id
    where prices.is_changed and order_lines.order_id is not null

    union distinct

    -- Unknown orders that have lines now, had lines in the last build, or have no key: always.
    select line_orders.order_id
    from line_orders
    left join orders on line_orders.order_id = orders.order_id
    where orders.order_id is null

    union distinct

    select order_id
    from built_lines
    where customer_id = {{ var('unknown_member') }} and not is_known_order

    union distinct

    select {{ var('unknown_member') }} as order_id

),

final as (

    select
        changed.order_id,
        coalesce(orders.customer_id, {{ var('unknown_member') }}) as customer_id,
        coalesce(built_orders.customer_id, {{ var('unknown_member') }}) as built_customer_id
    from changed
    left join orders on changed.order_id = orders.order_id
    left join built_orders on changed.order_id = built_orders.order_id

)

{%- else %}

final as (

    select
        order_id,
        customer_id,
        customer_id as built_customer_id
    from orders
    where false

)

{%- endif %}

select * from final
