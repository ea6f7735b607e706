{#- For another state: --vars '{state: CA}'. -#}
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
    where {{ ignoring_case('state') }} = {{ text_var('state', 'TX') }}

)

select * from final
order by lifetime_revenue desc, customer_id asc
