{#- A clerk's slip in one of two dates is worth a look, but no reason to hold back the marts. -#}
{{ config(severity='warn') }}

with

final as (

    select
        order_id,
        placed_at,
        shipped_at
    from {{ ref('fct_orders') }}
    where shipped_at < placed_at

)

select * from final
