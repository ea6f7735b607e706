with

products as (

    select * from {{ ref('dim_products') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

days as (

    select * from {{ ref('rpt_revenue_daily') }}

),

sales_window as (

    select
        date_sub(
            max(placed_on), interval {{ number_var('inventory_window_days', 1, 3650) }} - 1 day
        ) as first_day,
        least(count(*), {{ number_var('inventory_window_days', 1, 3650) }}) as count_days
    from days

),

recent_sales as (

    select
        order_lines.product_id,
        sum(order_lines.quantity) as units,
        sum(case when orders.is_shipped then 0 else greatest(order_lines.quantity, 0) end) as allocated_units
    from sales_window
    inner join orders on sales_window.first_day <= orders.placed_at
    inner join order_lines
        on
            orders.customer_id = order_lines.customer_id
            and orders.order_id = order_lines.order_id
    group by order_lines.product_id

),

stock as (

    select
        products.product_id,
        products.product_name,
        products.available_quantity,
        products.current_price,
        sales_window.count_days,
        cast(coalesce(recent_sales.units, 0) as signed) as window_units,
        cast(coalesce(recent_sales.allocated_units, 0) as signed) as allocated_units
    from products
    cross join sales_window
    left join recent_sales on products.product_id = recent_sales.product_id

),

measured as (

    select
        *,
        cast(available_quantity * current_price as decimal(38, 4)) as stock_value,
        {{ ratio('window_units', 'count_days') }} as daily_units,
        {{ ratio('greatest(available_quantity + 0.0, 0) * count_days', 'greatest(window_units, 0)') }}
            as days_of_cover,
        greatest(greatest(allocated_units, 0) - greatest(available_quantity, 0), 0) as over_allocated_units
    from stock

),

final as (

    select
        product_id,
        product_name,
        available_quantity,
        stock_value,
        window_units,
        daily_units,
        days_of_cover,
        allocated_units,
        over_allocated_units,
        case
            when available_quantity is null then 'unknown'
            when over_allocated_units > 0 then 'over-allocated'
            when available_quantity <= 0 then 'out of stock'
            when count_days = 0 then 'unknown'
            when days_of_cover is null then 'not moving'
            when days_of_cover < {{ number_var('low_cover_days', 0, 3650) }} then 'low'
            else 'enough'
        end as stock_status
    from measured

)

select * from final
