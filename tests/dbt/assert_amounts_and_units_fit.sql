{#-
    Marts hold amounts of up to 15 digits before the point and units that fit BIGINT. This test lists the order lines beyond
    these limits before MariaDB refuses a mart without naming a row. It lists the lines that are too large themselves, or
    else the largest lines, without which the sum would fit. It reads the lines only if the largest quantity and price
    could exceed a limit.
-#}
{%- set most_units, most_amount = '9223372036854775807', '999999999999999.9999' -%}

with

source_lines as (

    select
        order_id,
        product_id,
        abs(cast(quantity as decimal(20, 0))) as units
    from {{ ref('stg_pos__orderline') }}

),

prices as (

    select
        product_id,
        max(abs(unit_price)) as unit_price
    from {{ ref('int_product_prices_ranged') }}
    group by product_id

),

dearest as (

    select max(unit_price) as unit_price from prices

),

bounds as (

    select
        max(source_lines.units) * count(*) as most_units,
        max(source_lines.units) * count(*) * max(dearest.unit_price) as most_amount
    from source_lines
    cross join dearest

),

order_lines as (

    select
        order_id,
        product_id,
        sum(units) as units
    from source_lines
    where
        (
            select bounds.most_units > {{ most_units }} or bounds.most_amount > {{ most_amount }}
            from bounds
        )
    group by order_id, product_id

),

added as (

    select
        order_lines.order_id,
        order_lines.product_id,
        order_lines.units,
        prices.unit_price,
        sum(order_lines.units) over (
            order by order_lines.units, order_lines.order_id, order_lines.product_id
            rows unbounded preceding
        ) as all_units,
        sum(order_lines.units * prices.unit_price) over (
            order by order_lines.units * prices.unit_price, order_lines.order_id, order_lines.product_id
            rows unbounded preceding
        ) as all_amounts
    from order_lines
    left join prices on order_lines.product_id = prices.product_id

),

final as (

    select
        order_id,
        product_id,
        units,
        unit_price
    from added
    where all_units > {{ most_units }} or all_amounts > {{ most_amount }}

)

select * from final
