{%- set kinds = source_kinds('orderline') -%}

with

source as (

    select {{ pos_columns().orderline | join(', ') }} from {{ pos_table('orderline') }}

),

final as (

    select
        {{ clean_integer('order_id', kinds) }} as order_id,
        {{ clean_integer('product_id', kinds) }} as product_id,
        coalesce({{ clean_integer('quantity', kinds) }}, 1) as quantity
    from source

)

select * from final
