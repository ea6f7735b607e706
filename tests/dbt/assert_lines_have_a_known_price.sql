{#- A line has a price that the snapshot has for its product, and none only if the snapshot has none. -#}
with

line_prices as (

    select distinct
        product_id,
        unit_price
    from {{ rows_to_test(ref('fct_order_lines')) }}

),

prices as (

    select distinct
        product_id,
        current_price
    from {{ ref('product_prices') }}
    where current_price is not null

),

final as (

    select
        line_prices.product_id,
        line_prices.unit_price
    from line_prices
    left join prices on line_prices.product_id = prices.product_id
    group by line_prices.product_id, line_prices.unit_price
    having not coalesce(max(line_prices.unit_price = prices.current_price), max(prices.product_id) is null)

)

select * from final
