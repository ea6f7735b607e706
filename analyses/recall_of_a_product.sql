{#- For another product, and newer orders only: --vars '{product_id: 42, since: "2024-01-01"}'. -#}
with

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

final as (

    select
        customers.customer_id,
        customers.first_name,
        customers.last_name,
        customers.email,
        customers.phone,
        order_lines.order_id,
        order_lines.placed_at,
        order_lines.quantity
    from order_lines
    inner join customers on order_lines.customer_id = customers.customer_id
    where
        order_lines.product_id = {{ var('product_id', 1) }}
        {%- if var('since', '') %}
        and order_lines.placed_at >= {{ text_var('since', '') }}
        {%- endif %}

)

select * from final
order by customer_id, order_id
