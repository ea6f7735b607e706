{#- For another city: --vars '{city: Springfield, state: IL}'. -#}
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
        {{ ignoring_case('city') }} = {{ text_var('city', 'Houston') }}
        {%- if var('state', '') %}
        and {{ ignoring_case('state') }} = {{ text_var('state', '') }}
        {%- endif %}

)

select * from final
order by customer_id
