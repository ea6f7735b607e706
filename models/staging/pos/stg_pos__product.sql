{%- set kinds = source_kinds('product') -%}

with

source as (

    select {{ pos_columns().product | join(', ') }} from {{ pos_table('product') }}

),

final as (

    select
        {{ clean_integer('id', kinds) }} as product_id,
        {{ pos_text('name') }} as product_name,
        {{ clean_money('currentPrice', kinds) }} as current_price,
        {{ clean_integer('availableQuantity', kinds) }} as available_quantity
    from source

)

select * from final
