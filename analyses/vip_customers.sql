{#- Twenty instead of ten: --vars '{top: 20}'. -#}
with

customer_segments as (

    select * from {{ ref('rpt_customer_segments') }}

),

final as (

    select
        revenue_rank,
        customer_id,
        first_name,
        last_name,
        segment,
        count_orders,
        lifetime_revenue
    from customer_segments

)

select * from final
order by revenue_rank, customer_id
limit {{ var('top', 10) }}
