{#- Units, money: all lines = all purchases + lines without a known product or buyer, for every product. -#}
with

counted as (

    select
        product_id,
        quantity as units,
        coalesce(line_total, 0) as amount
    from {{ ref('fct_order_lines') }}

    union all

    select
        product_id,
        -quantity as units,
        -coalesce(line_total, 0) as amount
    from {{ ref('fct_order_lines') }}
    where not is_known_product or customer_id = {{ var('unknown_member') }}

    union all

    select
        product_id,
        -quantity as units,
        -amount as amount
    from {{ ref('fct_product_purchases') }}

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
