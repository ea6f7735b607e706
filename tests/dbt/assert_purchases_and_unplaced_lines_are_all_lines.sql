{#- Units, money: all lines = all purchases + lines without a known product or buyer, for every product. -#}
with

order_lines as (

    select
        product_id,
        sum(quantity) as units,
        coalesce(sum(line_total), 0) as amount
    from {{ ref('fct_order_lines') }}
    where
        is_known_product
        and customer_id <> {{ var('unknown_member') }}
    group by product_id

),

purchases as (

    select
        product_id,
        sum(quantity) as units,
        sum(amount) as amount
    from {{ ref('fct_product_purchases') }}
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
        -units as units,
        -amount as amount
    from purchases

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
