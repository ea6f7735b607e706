{#- For larger orders only: --vars '{minimum_total: 5000}'. -#}
with

unusual_orders as (

    select * from {{ ref('rpt_unusual_orders') }}

),

final as (

    select
        order_id,
        customer_id,
        placed_at,
        order_total,
        largest_quantity,
        has_unusual_total,
        has_unusual_quantity
    from unusual_orders
    {%- if var('minimum_total', none) is not none %}
    where order_total >= {{ var('minimum_total') }}
    {%- endif %}

)

select * from final
order by order_total desc, order_id asc
