-- depends_on: {{ ref('int_purchases_changed') }}
with

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

-- Sorts the rows by the mart's key, so InnoDB appends rows instead of splitting pages.
purchases as (

    select {{ sort_to_group() }}
        order_lines.product_id,
        order_lines.customer_id,
        cast(sum(order_lines.quantity) as signed) as quantity,
        cast(coalesce(sum(order_lines.line_total), 0) as decimal(19, 4)) as amount,
        count(*) as count_orders,
        min(order_lines.placed_at) as first_purchased_at,
        max(order_lines.placed_at) as last_purchased_at
    from order_lines
    {%- if is_partial() %}
    inner join {{ ref('int_purchases_changed') }} as changed_purchases
        on
            order_lines.customer_id = changed_purchases.customer_id
            and order_lines.product_id = changed_purchases.product_id
    {%- endif %}
    where order_lines.is_known_product and order_lines.customer_id <> {{ var('unknown_member') }}
    group by order_lines.product_id, order_lines.customer_id

),

final as (

    select
        purchases.product_id,
        purchases.customer_id,
        customers.first_name,
        customers.last_name,
        customers.city,
        customers.state,
        purchases.count_orders,
        purchases.quantity,
        purchases.amount,
        purchases.first_purchased_at,
        purchases.last_purchased_at
    from purchases
    left join customers on purchases.customer_id = customers.customer_id

)

select * from final
