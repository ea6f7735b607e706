{#-
    A clerk's slip in one of two dates is worth a look, but no reason to hold back the marts. Days are compared, for a day
    alone is midnight.
-#}
{{ config(severity=var('odd_values')) }}

with

final as (

    select
        order_id,
        placed_at,
        shipped_at
    from {{ ref('fct_orders') }}
    where datediff(shipped_at, placed_at) < 0

)

select * from final
