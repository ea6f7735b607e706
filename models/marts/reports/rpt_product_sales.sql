with

products as (

    select * from {{ ref('dim_products') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

sales as (

    select
        product_id,
        max(product_name) as product_name,
        cast(sum(is_known_order) as signed) as count_orders,
        count(distinct nullif(customer_id, {{ var('unknown_member') }})) as count_customers,
        cast(sum(quantity) as signed) as total_units,
        cast(sum(greatest(quantity, 0)) as signed) as sold_units,
        cast(sum(greatest(-quantity, 0)) as signed) as returned_units,
        coalesce(sum(line_total), 0) as revenue,
        max(placed_at) as last_sold_at
    from order_lines
    group by product_id

),

-- Known products, sold or not, then those that only order lines name.
all_products as (

    select
        product_id,
        product_name,
        true as is_known_product
    from products

    union all

    select
        sales.product_id,
        sales.product_name,
        false as is_known_product
    from sales
    left join products on sales.product_id = products.product_id
    where products.product_id is null

),

product_sales as (

    select
        all_products.product_id,
        all_products.product_name,
        all_products.is_known_product,
        cast(coalesce(sales.revenue, 0) as decimal(19, 4)) as revenue,
        sales.last_sold_at,
        coalesce(sales.count_orders, 0) as count_orders,
        coalesce(sales.count_customers, 0) as count_customers,
        coalesce(sales.total_units, 0) as total_units,
        coalesce(sales.sold_units, 0) as sold_units,
        coalesce(sales.returned_units, 0) as returned_units
    from all_products
    left join sales on all_products.product_id = sales.product_id

),

-- Not windows: with an empty OVER () beside other windows MariaDB 10.11 computes wrong ranks.
totals as (

    select
        sum(revenue) as all_revenue,
        sum(greatest(revenue, 0)) as all_earnings
    from product_sales

),

ranked as (

    select
        *,
        rank() over (order by revenue desc) as revenue_rank,
        rank() over (
            partition by is_known_product
            order by total_units
        ) as rank_from_below,
        sum(revenue) over (
            order by revenue desc, product_id asc
            rows unbounded preceding
        ) as cumulative_revenue,
        sum(greatest(revenue, 0)) over (
            order by revenue desc, product_id asc
            rows unbounded preceding
        ) - greatest(revenue, 0) as earnings_before
    from product_sales

),

final as (

    select
        ranked.product_id,
        ranked.product_name,
        ranked.is_known_product,
        ranked.count_orders,
        ranked.count_customers,
        ranked.total_units,
        ranked.returned_units,
        ranked.revenue,
        ranked.revenue_rank,
        ranked.last_sold_at,
        ranked.sold_units = 0 as is_never_sold,
        case when ranked.is_known_product then ranked.rank_from_below end as least_sold_rank,
        {{ ratio('ranked.revenue', 'totals.all_revenue') }} as revenue_share,
        {{ ratio('ranked.cumulative_revenue', 'totals.all_revenue') }} as cumulative_revenue_share,
        case
            when ranked.revenue <= 0 then 'C'
            when
                ranked.earnings_before < {{ number_var('abc_class_a_share', 0, 1) }} * totals.all_earnings
                then 'A'
            when
                ranked.earnings_before < {{ number_var('abc_class_b_share', 0, 1) }} * totals.all_earnings
                then 'B'
            else 'C'
        end as abc_class
    from ranked
    cross join totals

)

select * from final
