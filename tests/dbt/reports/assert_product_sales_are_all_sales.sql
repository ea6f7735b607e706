{#- Lines, units and money: known products match the dimension, and all products together match all sales. -#}
with

counted as (

    select
        product_id,
        count_orders,
        total_units as units,
        total_revenue as revenue,
        0 as returned_units
    from {{ ref('dim_products') }}

    union all

    select
        product_id,
        -count_orders as count_orders,
        -total_units as units,
        -revenue as revenue,
        0 as returned_units
    from {{ ref('rpt_product_sales') }}
    where is_known_product

    union all

    select
        null as product_id,
        coalesce(sum(is_known_order * count_lines), 0) as count_orders,
        coalesce(sum(total_units), 0) as units,
        coalesce(sum(revenue), 0) as revenue,
        coalesce(sum(returned_units), 0) as returned_units
    from {{ ref('fct_order_totals') }}

    union all

    select
        null as product_id,
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
