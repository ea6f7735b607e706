{%- set kinds = source_kinds('order') -%}

with

source as (

    select {{ pos_columns().order | join(', ') }} from {{ pos_table('order') }}

),

read_moments as (

    select
        {{ clean_integer('id', kinds) }} as order_id,
        {{ clean_integer('customer_id', kinds) }} as customer_id,
        {{ read_timestamp('datePlaced', kinds) }} as placed_at,
        {{ read_timestamp('dateShipped', kinds) }} as shipped_at
    from source

),

final as (

    select
        order_id,
        customer_id,
        {{ clean_timestamp('placed_at', 'orders_from') }} as placed_at,
        {{ clean_timestamp('shipped_at', 'orders_from') }} as shipped_at
    from read_moments

)

select * from final
