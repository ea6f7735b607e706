{#- Another state than TX: --vars '{state: CA}'. -#}
with

customers as (

    select * from {{ ref('dim_customers') }}

),

final as (

    select
        customer_id,
        first_name,
        last_name,
        city,
        count_orders,
        lifetime_revenue,
        last_ordered_at
    from customers
    where state collate utf8mb4_uca1400_nopad_as_ci = {{ text_var('state', 'TX') }}

)

select * from final
order by lifetime_revenue desc, customer_id asc
