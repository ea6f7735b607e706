{#- The report has the dated orders of every month, and counts those that were not shipped. -#}
with

counted as (

    select
        {{ month_text('extract(year_month from placed_at)') }} as placed_month,
        count(*) as count_orders,
        sum(not is_shipped) as unshipped,
        sum(customer_id = {{ var('unknown_member') }}) as without_customer,
        sum(count_lines = 0) as without_lines
    from {{ ref('fct_orders') }}
    where placed_at is not null
    group by extract(year_month from placed_at)

    union all

    select
        placed_month,
        -count_orders as count_orders,
        -count_unshipped_orders as unshipped,
        -count_orders_without_customer as without_customer,
        -count_orders_without_lines as without_lines
    from {{ ref('rpt_order_metrics_monthly') }}

),

final as (

    select
        placed_month,
        sum(count_orders) as missing_count_orders,
        sum(unshipped) as missing_unshipped,
        sum(without_customer) as missing_without_customer,
        sum(without_lines) as missing_without_lines
    from counted
    group by placed_month
    having
        sum(count_orders) <> 0
        or sum(unshipped) <> 0
        or sum(without_customer) <> 0
        or sum(without_lines) <> 0

)

select * from final
