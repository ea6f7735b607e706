{#- Units and money: all lines = all products + lines of unknown products, for every product. -#}
with

counted as (

    select
        product_id,
        quantity as units,
        coalesce(line_total, 0) as amount
    from {{ ref('fct_order_lines') }}
    where is_known_product

    union all

    select
        product_id,
        -total_units as units,
        -total_revenue as amount
    from {{ ref('dim_products') }}

),

final as (

    select
        product_id,
        sum(units) as missing_units,
        sum(amount) as missing_amount
    from counted
    group by product_id
    having sum(units) <> 0 or sum(amount) <> 0

)

select * from final
