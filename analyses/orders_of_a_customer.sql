{#- For another customer: --vars '{customer_id: 42}'. -#}
with

orders as (

    select * from {{ ref('fct_orders') }}

),

final as (

    select
        order_id,
        placed_at,
        shipped_at,
        is_shipped,
        count_lines,
        total_units,
        order_total
    from orders
    where customer_id = {{ var('customer_id', 1) }}

)

select * from final
order by placed_at, order_id
