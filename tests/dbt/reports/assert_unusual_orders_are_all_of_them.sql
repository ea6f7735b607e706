{#- The report has every order above a bound, with its total, and no other order. -#}
with

order_totals as (

    select * from {{ ref('fct_order_totals') }}

),

large_orders as (

    select
        order_id,
        order_total
    from {{ ref('fct_orders') }}
    where
        order_total > {{ var('unusual_order_total') }}
        or order_id in (
            select order_totals.order_id
            from order_totals
            where order_totals.largest_quantity > {{ var('unusual_quantity') }}
        )

),

counted as (

    select
        order_id,
        1 as orders,
        order_total
    from large_orders

    union all

    select
        order_id,
        -1 as orders,
        -order_total as order_total
    from {{ ref('rpt_unusual_orders') }}

),

final as (

    select
        order_id,
        sum(orders) as missing_orders,
        sum(order_total) as missing_order_total
    from counted
    group by order_id
    having
        sum(orders) <> 0
        or sum(order_total) <> 0

)

select * from final
