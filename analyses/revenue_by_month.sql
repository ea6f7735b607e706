{#- For one year: --vars '{first_month: 2024-01, last_month: 2024-12}'. -#}
with

revenue_monthly as (

    select * from {{ ref('rpt_revenue_monthly') }}

),

final as (

    select
        placed_month,
        is_complete,
        count_orders,
        total_units,
        returned_units,
        revenue,
        month_over_month_change,
        year_over_year_change
    from revenue_monthly
    where
        placed_month >= {{ text_var('first_month', '0000-00') }}
        and placed_month <= {{ text_var('last_month', '9999-99') }}

)

select * from final
order by placed_month
