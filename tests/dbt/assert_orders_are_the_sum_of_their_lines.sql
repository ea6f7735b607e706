{#- Lines, units and money: all lines = all orders + lines of unknown orders, for every order. -#}
with

counted as (

    select
        customer_id,
        order_id,
        1 as count_lines,
        quantity as units,
        coalesce(line_total, 0) as amount
    from {{ ref('fct_order_lines') }}
    where is_known_order

    union all

    select
        customer_id,
        order_id,
        -count_lines as count_lines,
        -total_units as units,
        -order_total as amount
    from {{ ref('fct_orders') }}

),

final as (

    select
        customer_id,
        order_id,
        sum(count_lines) as missing_lines,
        sum(units) as missing_units,
        sum(amount) as missing_amount
    from counted
    group by customer_id, order_id
    having sum(count_lines) <> 0 or sum(units) <> 0 or sum(amount) <> 0

)

select * from final
