{#- Orders, units, money: all orders = all customers + orders of the unknown member, for every customer. -#}
with

counted as (

    select
        customer_id,
        1 as count_orders,
        total_units as units,
        order_total as amount
    from {{ ref('fct_orders') }}
    where customer_id <> {{ var('unknown_member') }}

    union all

    select
        customer_id,
        -count_orders as count_orders,
        -total_units as units,
        -lifetime_revenue as amount
    from {{ ref('dim_customers') }}

),

final as (

    select
        customer_id,
        sum(count_orders) as missing_orders,
        sum(units) as missing_units,
        sum(amount) as missing_amount
    from counted
    group by customer_id
    having sum(count_orders) <> 0 or sum(units) <> 0 or sum(amount) <> 0

)

select * from final
