{#- All sales and customers = those of all cities (or states), 'Unknown' included. -#}
{%- set reports = ['rpt_revenue_by_city', 'rpt_revenue_by_state'] -%}

with

customer_sums as (

    select count(*) as count_customers
    from {{ ref('dim_customers') }}

),

order_sums as (

    select count(*) as count_orders
    from {{ ref('fct_orders') }}

),

line_sums as (

    select
        coalesce(sum(total_units), 0) as units,
        coalesce(sum(revenue), 0) as revenue,
        coalesce(sum(returned_units), 0) as returned_units,
        coalesce(sum(returned_amount), 0) as returned_amount
    from {{ ref('fct_order_totals') }}

),

reported as (

    {%- for report in reports %}

    select
        '{{ report }}' as report,
        count_customers,
        count_orders,
        total_units as units,
        revenue,
        returned_units,
        returned_amount
    from {{ ref(report) }}

    union all

    select
        '{{ report }}' as report,
        0 as count_customers,
        0 as count_orders,
        0 as units,
        0 as revenue,
        0 as returned_units,
        0 as returned_amount
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

report_sums as (

    select
        report,
        sum(count_customers) as count_customers,
        sum(count_orders) as count_orders,
        sum(units) as units,
        sum(revenue) as revenue,
        sum(returned_units) as returned_units,
        sum(returned_amount) as returned_amount
    from reported
    group by report

),

final as (

    select
        report_sums.report,
        customer_sums.count_customers - report_sums.count_customers as missing_count_customers,
        order_sums.count_orders - report_sums.count_orders as missing_count_orders,
        line_sums.units - report_sums.units as missing_units,
        line_sums.revenue - report_sums.revenue as missing_revenue,
        line_sums.returned_units - report_sums.returned_units as missing_returned_units,
        line_sums.returned_amount - report_sums.returned_amount as missing_returned_amount
    from order_sums
    cross join line_sums
    cross join customer_sums
    cross join report_sums
    where
        customer_sums.count_customers <> report_sums.count_customers
        or order_sums.count_orders <> report_sums.count_orders
        or line_sums.units <> report_sums.units
        or line_sums.revenue <> report_sums.revenue
        or line_sums.returned_units <> report_sums.returned_units
        or line_sums.returned_amount <> report_sums.returned_amount

)

select * from final
