{#- All lines = all products + lines of unknown products: units and money, for every product. -#}
with

order_lines as (

    select
        product_id,
        sum(quantity) as units,
        coalesce(sum(line_total), 0) as amount
    from {{ ref('fct_order_lines') }}
    where is_known_product
    group by product_id

),

counted as (

    select
        product_id,
        units,
        amount
    from order_lines

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
