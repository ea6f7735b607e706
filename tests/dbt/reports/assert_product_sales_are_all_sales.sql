{#- Lines, units and money of every product, known or not: all lines = the report. -#}
with

counted as (

    select
        product_id,
        sum(is_known_order) as count_orders,
        sum(quantity) as units,
        coalesce(sum(line_total), 0) as revenue,
        sum(greatest(-quantity, 0)) as returned_units
    from {{ ref('fct_order_lines') }}
    group by product_id

    union all

    select
        product_id,
        -count_orders as count_orders,
        -total_units as units,
        -revenue as revenue,
        -returned_units as returned_units
    from {{ ref('rpt_product_sales') }}

),

final as (

    select
        product_id,
        sum(count_orders) as missing_count_orders,
        sum(units) as missing_units,
        sum(revenue) as missing_revenue,
        sum(returned_units) as missing_returned_units
    from counted
    group by product_id
    having
        sum(count_orders) <> 0
        or sum(units) <> 0
        or sum(revenue) <> 0
        or sum(returned_units) <> 0

)

select * from final
