{#-
    All lines = all purchases + lines without a known product or buyer: units and money, for every product. The sums of all
    lines come from dim_products, which assert_products_are_the_sum_of_their_lines compares with the lines.
-#}
with

counted as (

    select
        product_id,
        total_units as units,
        total_revenue as amount
    from {{ ref('dim_products') }}

    union all

    select
        product_id,
        -quantity as units,
        -coalesce(line_total, 0) as amount
    from {{ ref('fct_order_lines') }}
    where is_known_product and customer_id = {{ var('unknown_member') }}

    union all

    select
        product_id,
        -sum(quantity) as units,
        -sum(amount) as amount
    from {{ ref('fct_product_purchases') }}
    group by product_id

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
