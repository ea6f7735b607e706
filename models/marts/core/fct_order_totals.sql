-- depends_on: {{ ref('int_orders_changed') }}
with

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

final as (

    select
        order_lines.customer_id,
        order_lines.order_id,
        cast(sum(order_lines.quantity) as signed) as total_units,
        cast(sum(greatest(-order_lines.quantity, 0)) as signed) as returned_units,
        cast(sum(order_lines.line_total) as decimal(19, 4)) as revenue,
        cast(
            sum(case when order_lines.quantity < 0 then -order_lines.line_total end) as decimal(19, 4)
        ) as returned_amount,
        cast(
            sum(order_lines.quantity > 0 and order_lines.is_known_product) as signed
        ) as count_bought_products,
        max(order_lines.placed_at) as placed_at,
        max(order_lines.is_known_order) as is_known_order,
        count(*) as count_lines,
        max(order_lines.quantity) as largest_quantity
    from order_lines
    {%- if is_partial() %}
    inner join {{ ref('int_orders_changed') }} as changed_orders
        on
            order_lines.customer_id = changed_orders.customer_id
            and order_lines.order_id = changed_orders.order_id
    {%- endif %}
    group by order_lines.customer_id, order_lines.order_id

)

select * from final
