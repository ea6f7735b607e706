{%- set bounds = bounds_var('frequency_score_orders', 4) -%}

with

customers as (

    select * from {{ ref('dim_customers') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

dated_orders as (

    select
        customer_id,
        count(*) as count_dated_orders
    from orders
    where placed_at is not null
    group by customer_id

),

-- Ranking sorts narrow rows; the names are joined afterwards.
measured as (

    select
        customers.customer_id,
        customers.count_orders,
        customers.lifetime_revenue,
        customers.count_orders > 0 as has_ordered,
        customers.last_ordered_at is not null as has_date,
        customers.last_ordered_at,
        {{ ratio(
            'datediff(customers.last_ordered_at, customers.first_ordered_at)',
            '(dated_orders.count_dated_orders - 1)',
        ) }} as average_days_between_orders
    from customers
    left join dated_orders on customers.customer_id = dated_orders.customer_id

),

-- Fifths of a strict order: one more order moves at most one customer across each bound.
ranked as (

    select
        *,
        rank() over (order by lifetime_revenue desc) as revenue_rank,
        row_number() over (
            partition by has_date
            order by last_ordered_at, customer_id
        ) as recency_rank,
        row_number() over (
            partition by has_ordered
            order by lifetime_revenue, customer_id
        ) as monetary_rank,
        count(*) over (partition by has_date) as count_dated,
        count(*) over (partition by has_ordered) as count_ordering
    from measured

),

scored as (

    select
        *,
        case when has_date then 1 + (5 * (recency_rank - 1)) div count_dated end as recency_score,
        case when has_ordered then 1 + (5 * (monetary_rank - 1)) div count_ordering end as monetary_score,
        case
            when count_orders >= {{ bounds[3] }} then 5
            when count_orders >= {{ bounds[2] }} then 4
            when count_orders >= {{ bounds[1] }} then 3
            when count_orders >= {{ bounds[0] }} then 2
            when has_ordered then 1
        end as frequency_score
    from ranked

),

final as (

    select
        customers.customer_id,
        customers.first_name,
        customers.last_name,
        customers.city,
        customers.state,
        scored.recency_score,
        scored.frequency_score,
        scored.monetary_score,
        customers.count_orders,
        customers.total_units,
        customers.lifetime_revenue,
        scored.revenue_rank,
        customers.first_ordered_at,
        customers.last_ordered_at,
        scored.average_days_between_orders,
        case
            when not scored.has_ordered then 'Never ordered'
            when not scored.has_date then 'Undated'
            when
                scored.recency_score >= 4 and scored.frequency_score + scored.monetary_score >= 8
                then 'Champions'
            when
                scored.recency_score >= 3 and scored.frequency_score + scored.monetary_score >= 6
                then 'Loyal'
            when scored.recency_score >= 4 then 'Promising'
            when scored.recency_score = 3 then 'Needs attention'
            when scored.frequency_score + scored.monetary_score >= 8 then 'Cannot lose'
            when scored.frequency_score + scored.monetary_score >= 6 then 'At risk'
            when scored.recency_score = 2 then 'Hibernating'
            else 'Lost'
        end as segment
    from customers
    inner join scored on customers.customer_id = scored.customer_id

)

select * from final
