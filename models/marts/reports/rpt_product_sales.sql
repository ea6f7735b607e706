with

products as (

    select * from {{ ref('dim_products') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

-- Buyers of known products are in the dimension; those of others are few.
unknown_product_buyers as (

    select
        product_id,
        count(distinct nullif(customer_id, {{ var('unknown_member') }})) as count_customers
    from order_lines
    where not is_known_product
    group by product_id

),

sales as (

    select
        product_id,
        cast(sum(is_known_order) as signed) as count_orders,
        cast(sum(quantity) as signed) as total_units,
        cast(sum(greatest(quantity, 0)) as signed) as sold_units,
        cast(sum(greatest(-quantity, 0)) as signed) as returned_units,
        max(product_name) as product_name,
        coalesce(sum(line_total), 0) as revenue,
        max(placed_at) as last_sold_at
    from order_lines
    group by product_id

),

-- Known products, sold or not, and what was sold, of products that only order lines name too.
named as (

    select
        product_id,
        product_name,
        true as is_known_product,
        null as last_sold_at,
        0 as count_orders,
        count_customers,
        0 as total_units,
        0 as sold_units,
        0 as returned_units,
        0 as revenue
    from products

    union all

    select
        product_id,
        product_name,
        false as is_known_product,
        last_sold_at,
        count_orders,
        0 as count_customers,
        total_units,
        sold_units,
        returned_units,
        revenue
    from sales

    union all

    select
        product_id,
        null as product_name,
        false as is_known_product,
        null as last_sold_at,
        0 as count_orders,
        count_customers,
        0 as total_units,
        0 as sold_units,
        0 as returned_units,
        0 as revenue
    from unknown_product_buyers

),

product_sales as (

    select
        product_id,
        cast(sum(count_orders) as signed) as count_orders,
        cast(sum(count_customers) as signed) as count_customers,
        cast(sum(total_units) as signed) as total_units,
        cast(sum(sold_units) as signed) as sold_units,
        cast(sum(returned_units) as signed) as returned_units,
        cast(sum(revenue) as decimal(19, 4)) as revenue,
        max(product_name) as product_name,
        max(is_known_product) as is_known_product,
        max(last_sold_at) as last_sold_at
    from named
    group by product_id

),

-- One order per step: beside windows of another order, MariaDB 10.11 can compute wrong ranks.
ranked_by_revenue as (

    select
        *,
        rank() over (order by revenue desc) as revenue_rank,
        sum(revenue) over (
            order by revenue desc, product_id asc
            rows between unbounded preceding and current row
        ) as cumulative_revenue,
        sum(greatest(revenue, 0)) over (
            order by revenue desc, product_id asc
            rows between unbounded preceding and current row
        ) - greatest(revenue, 0) as earnings_before,
        sum(revenue) over (
            order by revenue desc, product_id asc
            rows between unbounded preceding and unbounded following
        ) as all_revenue,
        sum(greatest(revenue, 0)) over (
            order by revenue desc, product_id asc
            rows between unbounded preceding and unbounded following
        ) as all_earnings
    from product_sales

),

ranked_by_units as (

    select
        *,
        rank() over (
            partition by is_known_product
            order by total_units
        ) as rank_from_below
    from ranked_by_revenue

),

final as (

    select
        product_id,
        product_name,
        is_known_product,
        count_orders,
        count_customers,
        total_units,
        returned_units,
        revenue,
        revenue_rank,
        last_sold_at,
        sold_units = 0 as is_never_sold,
        case when is_known_product then rank_from_below end as least_sold_rank,
        {{ ratio('revenue', 'all_revenue') }} as revenue_share,
        {{ ratio('cumulative_revenue', 'all_revenue') }} as cumulative_revenue_share,
        case
            when revenue <= 0 then 'C'
            when earnings_before < {{ number_var('abc_class_a_share', 0, 1) }} * all_earnings then 'A'
            when earnings_before < {{ number_var('abc_class_b_share', 0, 1) }} * all_earnings then 'B'
            else 'C'
        end as abc_class
    from ranked_by_units

)

select * from final
