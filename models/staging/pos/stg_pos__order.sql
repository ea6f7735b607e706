{%- set kinds = source_kinds('order') -%}

with

source as (

    select * from {{ pos_table('order') }}

),

final as (

    select
        {{ clean_integer('id', kinds) }} as order_id,
        {{ clean_integer('customer_id', kinds) }} as customer_id,
        {{ clean_timestamp('datePlaced', kinds) }} as placed_at,
        {{ clean_timestamp('dateShipped', kinds) }} as shipped_at
    from source

)

select * from final
