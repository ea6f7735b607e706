{#-
    A typing mistake in one of two dates deserves a look, but is no reason to hold back the marts. The test compares days,
    because a date without a time is midnight.
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
