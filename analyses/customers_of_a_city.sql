{#- Another city than Houston: --vars '{city: Springfield, state: IL}'. -#}
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
        state,
        count_orders,
        lifetime_revenue
    from customers
    where
        city collate utf8mb4_uca1400_nopad_as_ci = {{ text_var('city', 'Houston') }}
        {%- if var('state', '') %}
        and state collate utf8mb4_uca1400_nopad_as_ci = {{ text_var('state', '') }}
        {%- endif %}

)

select * from final
order by customer_id
