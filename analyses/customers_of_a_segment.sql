{#- For another segment: --vars '{segment: Loyal}'. -#}
with

customer_segments as (

    select * from {{ ref('rpt_customer_segments') }}

),

final as (

    select
        customer_id,
        first_name,
        last_name,
        count_orders,
        lifetime_revenue,
        last_ordered_at
    from customer_segments
    where segment = {{ text_var('segment', 'Champions') }}

)

select * from final
order by lifetime_revenue desc, customer_id asc
