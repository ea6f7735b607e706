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
        zip
    from customers

)

select * from final
order by customer_id
