with

products as (

    select * from {{ ref('dim_products') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

-- The dimension has the sums of known products, but no returned units. Lines of other products are few.
other_sales as (

    select
        product_id,
        cast(sum(is_known_order) as signed) as count_orders,
        cast(sum(quantity) as signed) as total_units,
        cast(sum(greatest(-quantity, 0)) as signed) as returned_units,
        count(distinct nullif(customer_id, {{ var('unknown_member') }})) as count_customers,
        max(product_name) as product_name,
        max(is_known_product) as is_known_product,
        coalesce(sum(line_total), 0) as revenue,
        max(placed_at) as last_sold_at
    from order_lines
    where quantity < 0 or not is_known_product
    group by product_id

),

product_sales as (

    select
        products.product_id,
        products.count_orders,
        products.count_customers,
        products.total_units,
        products.total_revenue as revenue,
        products.product_name,
        true as is_known_product,
        products.last_sold_at,
        coalesce(other_sales.returned_units, 0) as returned_units
    from products
    left join other_sales on products.product_id = other_sales.product_id

    union all

    select
        product_id,
        count_orders,
        count_customers,
        total_units,
        cast(revenue as decimal(19, 4)) as revenue,
        product_name,
        false as is_known_product,
        last_sold_at,
        returned_units
    from other_sales
    where not is_known_product

),

-- One sort order per step: MariaDB 10.11 can compute wrong ranks beside windows with another order.
ranked_by_revenue as (

    select
        *,
        rank() over (order by revenue desc) as revenue_rank,
        sum(revenue) over (
            order by revenue desc, product_id asc
            rows between unbounded preceding and current row
        ) as cumulative_revenue,
        sum(revenue) over (
            order by revenue desc, product_id asc
            rows between unbounded preceding and current row
        ) - revenue as revenue_before,
        sum(revenue) over (
            order by revenue desc, product_id asc
            rows between unbounded preceding and unbounded following
        ) as all_revenue
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
        total_units + returned_units = 0 as is_never_sold,
        case when is_known_product then rank_from_below end as least_sold_rank,
        {{ share('revenue', 'all_revenue') }} as revenue_share,
        {{ share('cumulative_revenue', 'all_revenue') }} as cumulative_revenue_share,
        case
            when revenue <= 0 or all_revenue <= 0 then 'C'
            when revenue_before < {{ number_var('abc_class_a_share', 0, 1) }} * all_revenue then 'A'
            when revenue_before < {{ number_var('abc_class_b_share', 0, 1) }} * all_revenue then 'B'
            else 'C'
        end as abc_class
    from ranked_by_units

)

select * from final
