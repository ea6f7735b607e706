-- depends_on: {{ ref('stg_pos__orderline') }}, {{ ref('int_customers_located') }}
with

changed_orders as (

    select * from {{ ref('int_orders_changed') }}

),

{%- if is_partial('fct_product_purchases') %}

order_lines as (

    select * from {{ ref('stg_pos__orderline') }}

),

customers as (

    select * from {{ ref('int_customers_located') }}

),

built_lines as (

    select * from {{ built_mart('fct_order_lines') }}

),

built_purchases as (

    select * from {{ built_mart('fct_product_purchases') }}

),

purchases as (

    select
        changed_orders.customer_id,
        order_lines.product_id
    from changed_orders
    inner join order_lines on changed_orders.order_id = order_lines.order_id

    union distinct

    select
        built_lines.customer_id,
        built_lines.product_id
    from changed_orders
    inner join built_lines
        on
            changed_orders.built_customer_id = built_lines.customer_id
            and changed_orders.order_id = built_lines.order_id

    union distinct

    -- All purchases of customers whose name or place has changed.
    select
        built_purchases.customer_id,
        built_purchases.product_id
    from customers
    inner join built_purchases on customers.customer_id = built_purchases.customer_id
    where customers.is_changed

),

final as (

    select
        customer_id,
        product_id
    from purchases
    where customer_id <> {{ var('unknown_member') }} and product_id is not null

)

{%- else %}

final as (

    select
        customer_id,
        order_id as product_id
    from changed_orders
    where false

)

{%- endif %}

select * from final
